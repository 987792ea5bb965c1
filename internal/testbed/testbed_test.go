//go:build linux

package testbed_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/testbed"
	"github.com/qubesbeat/qubesbeat/internal/testbed/poll"
)

// testTimeout bounds every program that a test runs.
const testTimeout = 20 * time.Second

var (
	workSpec = testbed.Client{
		Name: "work", Label: "blue", DomID: 4,
		IP: netip.MustParseAddr("10.137.0.6"), IP6: netip.MustParseAddr("fd09:24ef:4179::a89:6"),
	}
	bankingSpec = testbed.Client{Name: "banking", Label: "green", DomID: 5, IP: netip.MustParseAddr("10.137.0.7")}
	vpnSpec     = testbed.Client{
		Name: "sys-vpn", Label: "green", DomID: 7, ProvidesNetwork: true, IP: netip.MustParseAddr("10.137.0.20"),
	}
)

// newNetwork returns a network with running servers, and a context for the
// programs of the test.
func newNetwork(t *testing.T, c testbed.Config) (*testbed.Network, context.Context) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	t.Cleanup(cancel)
	nw := testbed.New(t, c)
	nw.StartServers()
	return nw, ctx
}

// run runs a program in a qube and fails the test if it fails.
func run(ctx context.Context, tb testing.TB, q *testbed.Qube, name string, args ...string) string {
	tb.Helper()
	out, _, err := q.Run(ctx, name, args...)
	if err != nil {
		tb.Fatal(err)
	}
	return out
}

func TestNetwork_programs(t *testing.T) {
	testbed.Require(t, "curl", "dig", "ping")

	for _, conf := range []testbed.Config{{}, {NoOffload: true}, {NoFirewall: true}} {
		t.Run(fmt.Sprintf("%+v", conf), func(t *testing.T) {
			nw, ctx := newNetwork(t, conf)
			work, vpn := nw.AddClient(workSpec), nw.AddClient(vpnSpec)
			behind := nw.AddClient(testbed.Client{
				Name: "behind", DomID: 9, IP: netip.MustParseAddr("10.137.0.21"), NetVM: vpn,
			})
			const hello = "hello from example.org\n"
			resolve := "www.example.org:443:" + testbed.WebAddr
			tests := []struct {
				name string
				q    *testbed.Qube
				args string
				want string
			}{
				{"http", work, "curl -sS " + testbed.SmallURL, hello},
				{"https", work, "curl -sSk --resolve " + resolve + " https://www.example.org/", hello},
				{"ipv6", work, "curl -sS " + testbed.SmallURL6, hello},
				{"large", work, "curl -sS -o /dev/null -w %{size_download} " + testbed.LargeURL + "3000000", "3000000"},
				{"dns", work, "dig +short www.example.org @" + testbed.MagicDNS, testbed.WebAddr + "\n"},
				{"dns4", work, "dig +short www.example.org @" + testbed.DNSAddr, testbed.WebAddr + "\n"},
				{"dns6", work, "dig +short AAAA www.example.org @" + testbed.DNSAddr6, testbed.WebAddr6 + "\n"},
				{"dns tcp", work, "dig TXT big.example.org @" + testbed.MagicDNS, "Truncated, retrying in TCP"},
				{"ping", work, "ping -c1 -W5 " + testbed.WebAddr, " 0% packet loss"},
				{"ping vpn", vpn, "ping -c1 -W5 " + testbed.WebAddr, " 0% packet loss"},
				{"behind", behind, "curl -sS " + testbed.SmallURL, hello},
				{"behind dns", behind, "dig +short www.example.org @" + testbed.MagicDNS, testbed.WebAddr + "\n"},
			}
			for _, tt := range tests {
				t.Run(tt.name, func(t *testing.T) {
					args := strings.Fields(tt.args)
					got := run(ctx, t, tt.q, args[0], args[1:]...)
					if !strings.Contains(got, tt.want) {
						t.Errorf("%s = %q; want %q in it", tt.args, got, tt.want)
					}
				})
			}
			checkFailures(ctx, t, work)
		})
	}
}

// checkFailures runs programs that must fail with what the network answers.
func checkFailures(ctx context.Context, t *testing.T, work *testbed.Qube) {
	t.Helper()
	tests := []struct{ name, args, want string }{
		{"refused", "curl -sS " + testbed.RefusedURL, "exit status 7"},
		{"unreachable", "ping -c1 -W5 " + testbed.Unreachable, "exit status 1"},
		{"no name", "dig +short +fail nosuch.example.org @203.0.113.9 +time=1 +tries=1", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			args := strings.Fields(tt.args)
			if _, _, err := work.Run(ctx, args[0], args[1:]...); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%s: error = %v; want %q in it", tt.args, err, tt.want)
			}
		})
	}
}

func TestNetwork_counters(t *testing.T) {
	testbed.Require(t, "curl")

	for _, noOffload := range []bool{false, true} {
		t.Run(fmt.Sprintf("NoOffload=%v", noOffload), func(t *testing.T) {
			nw, ctx := newNetwork(t, testbed.Config{NoOffload: noOffload})
			work, banking := nw.AddClient(workSpec), nw.AddClient(bankingSpec)
			nw.Settle()
			before, idle := nw.VifCounters(work), nw.VifCounters(banking)

			var got testbed.Counters
			var longest int
			tap, err := nw.Log.Tap(work.Vif, func(f testbed.Frame) {
				longest = max(longest, len(f.Data))
				if f.Outbound {
					got.TxBytes += uint64(len(f.Data))
					got.TxPackets++
				} else {
					got.RxBytes += uint64(len(f.Data))
					got.RxPackets++
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			run(ctx, t, work, "curl", "-sS", "-o", "/dev/null", testbed.LargeURL+"5000000")
			nw.Settle()
			if err = tap.Close(); err != nil {
				t.Fatal(err)
			}

			// The kernel's counters and what a packet socket sees are the same
			// frames, also when they are super frames.
			if diff := cmp.Diff(nw.VifCounters(work).Sub(before), got); diff != "" {
				t.Errorf("vif counters mismatch (-kernel +tap):\n%s", diff)
			}
			if got.TxBytes < 5_000_000 {
				t.Errorf("%d bytes to the client; want 5000000 at least", got.TxBytes)
			}
			if super := longest > 1514; super == noOffload {
				t.Errorf("longest frame has %d bytes with NoOffload = %v", longest, noOffload)
			}
			if diff := cmp.Diff(nw.VifCounters(banking), idle); diff != "" {
				t.Errorf("idle vif moved (-got +want):\n%s", diff)
			}
		})
	}
}

func TestNetwork_ReAdd(t *testing.T) {
	testbed.Require(t, "curl")
	nw, ctx := newNetwork(t, testbed.Config{})
	work, banking := nw.AddClient(workSpec), nw.AddClient(bankingSpec)

	// A download of work that lasts until the restart of banking is over.
	var read atomic.Int64
	body, stop := download(t, work, testbed.LargeURL+"4000000000")
	defer stop()
	go func() { _, _ = io.Copy(writerFunc(func(p []byte) { read.Add(int64(len(p))) }), body) }()

	hanging := make(chan error, 1)
	go func() {
		_, _, err := banking.Run(ctx, "sleep", "1000")
		hanging <- err
	}()
	run(ctx, t, banking, "curl", "-sS", testbed.SmallURL)
	again := nw.ReAdd(banking, 12)
	if err := <-hanging; err == nil {
		t.Error("a program in a removed qube ended well; want it killed")
	}
	if got, want := again.Vif, "vif12.0"; got != want {
		t.Errorf("vif = %s; want %s", got, want)
	}
	run(ctx, t, again, "curl", "-sS", testbed.SmallURL)
	if _, err := nw.Log.Counters(banking.Vif); err == nil {
		t.Errorf("%s still exists", banking.Vif)
	}

	was := read.Load()
	poll.Until(t, "the other client's download goes on", func() bool { return read.Load() != was })
	if c := nw.VifCounters(work); c.TxBytes < uint64(was) {
		t.Errorf("vif counted %d bytes; want at least %d", c.TxBytes, was)
	}
}

func TestHost_Tap_removed(t *testing.T) {
	testbed.Require(t, "ping")
	nw, ctx := newNetwork(t, testbed.Config{})
	banking := nw.AddClient(bankingSpec)
	var frames int
	tap, err := nw.Log.Tap(banking.Vif, func(testbed.Frame) { frames++ })
	if err != nil {
		t.Fatal(err)
	}
	run(ctx, t, banking, "ping", "-c1", testbed.WebAddr)
	nw.RemoveClient(banking)
	if err = tap.Close(); err != nil {
		t.Fatal(err)
	}
	if frames != 4 { // ARP and ping, both ways
		t.Errorf("%d frames; want 4", frames)
	}
}

func TestNetwork_spoofed(t *testing.T) {
	testbed.Require(t, "ping", "nft")
	nw, ctx := newNetwork(t, testbed.Config{})
	work := nw.AddClient(workSpec)
	untrusted := nw.AddClient(testbed.Client{Name: "untrusted", DomID: 6, IP: netip.MustParseAddr("10.137.0.9")})

	var spoofed atomic.Int64
	tap, err := nw.Log.Tap(untrusted.Vif, func(f testbed.Frame) {
		if f.IsIP() && len(f.Data) >= 34 && netip.AddrFrom4([4]byte(f.Data[26:30])) == work.IP {
			spoofed.Add(1)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	run(ctx, t, untrusted, "ip", "addr", "add", work.IP.String(), "dev", "eth0")
	_, _, err = untrusted.Run(ctx, "ping", "-c3", "-i0.2", "-W1", "-I", work.IP.String(), testbed.WebAddr)
	if err == nil {
		t.Error("spoofed ping was answered; want it dropped")
	}
	if err = tap.Close(); err != nil {
		t.Fatal(err)
	}
	if got := spoofed.Load(); got != 3 {
		t.Errorf("%d spoofed packets on %s; want 3", got, untrusted.Vif)
	}
	// Clients do not reach each other either.
	if _, _, err = work.Run(ctx, "ping", "-c1", "-W1", untrusted.IP.String()); err == nil {
		t.Error("one client reached another; want it dropped")
	}
}

func TestNetwork_rules(t *testing.T) {
	testbed.Require(t, "curl", "nft")
	nw, ctx := newNetwork(t, testbed.Config{})
	spec := bankingSpec
	spec.Rules = []string{"tcp dport 80 reject with icmp type admin-prohibited"}
	banking := nw.AddClient(spec)

	_, _, err := banking.Run(ctx, "curl", "-sS", "--max-time", "5", testbed.SmallURL)
	if err == nil {
		t.Error("http went through qvm-firewall; want it rejected")
	}
	run(ctx, t, banking, "curl", "-sSk", "https://"+testbed.WebAddr)
}

func TestNetwork_Inventory(t *testing.T) {
	testbed.Require(t)
	nw := testbed.New(t, testbed.Config{})
	work := nw.AddClient(workSpec)
	vpn := nw.AddClient(vpnSpec)
	nw.AddClient(testbed.Client{Name: "behind", DomID: 9, IP: netip.MustParseAddr("10.137.0.21"), NetVM: vpn})
	disp := nw.AddClient(testbed.Client{Name: "disp1234", Class: "DispVM", DomID: 8, IP: netip.MustParseAddr("10.138.4.218")})
	nw.RemoveClient(work)
	nw.RemoveClient(disp)

	path := filepath.Join(t.TempDir(), "inventory")
	nw.WriteInventory(path)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := range strings.Lines(string(text)) {
		i := strings.LastIndexByte(line, '|') // the UUID is another one for every name
		got = append(got, line[:i])
	}
	want := []string{
		"behind|AppVM|Running|red|sys-vpn|10.137.0.21|-|debian-12-minimal|False|9",
		"debian-12-minimal|TemplateVM|Halted|black|-|-|-|-|False|-1",
		"dom0|AdminVM|Running|black|-|-|-|-|-|-",
		"sys-log|AppVM|Running|orange|sys-net|10.137.0.5|fd09:24ef:4179::a89:5|debian-12-minimal|True|2",
		"sys-net|AppVM|Running|red|-|10.137.0.3|fd09:24ef:4179::a89:3|debian-12-minimal|True|1",
		"sys-vpn|AppVM|Running|green|sys-log|10.137.0.20|-|debian-12-minimal|True|7",
		"work|AppVM|Halted|blue|sys-log|10.137.0.6|fd09:24ef:4179::a89:6|debian-12-minimal|False|-1",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("inventory mismatch (-want +got):\n%s", diff)
	}
}

// download starts a download in a qube from a socket of this process.
func download(t *testing.T, q *testbed.Qube, url string) (body io.Reader, stop func()) {
	t.Helper()
	dial := func(ctx context.Context, network, addr string) (c net.Conn, err error) {
		err = q.Do(func() error {
			c, err = new(net.Dialer).DialContext(ctx, network, addr)
			return err
		})
		return c, err
	}
	client := &http.Client{Transport: &http.Transport{DialContext: dial}}
	resp, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	return resp.Body, func() {
		_ = resp.Body.Close()
		client.CloseIdleConnections()
	}
}

// writerFunc counts what is written.
type writerFunc func(p []byte)

// Write implements the [io.Writer] interface for writerFunc.
func (f writerFunc) Write(p []byte) (int, error) {
	f(p)
	return len(p), nil
}
