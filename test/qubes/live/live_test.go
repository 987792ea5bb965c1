//go:build linux

package live_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/testbed"
	"github.com/qubesbeat/qubesbeat/internal/testbed/beat"
	"github.com/qubesbeat/qubesbeat/internal/testbed/poll"
)

// largeBytes is the size of the large download.
const largeBytes = 50_000_000

// programTimeout bounds everything that runs in a client.
const programTimeout = 60 * time.Second

// home is a testbed with the qubes of most tests.
type home struct {
	*testbed.Network
	ctx context.Context // of the test that has the home

	work, banking, untrusted, vpn *testbed.Qube

	// behind is plugged into vpn.
	behind *testbed.Qube
}

// newHome returns a network of three clients with different labels and a
// ProxyVM with a client, silent, with servers in the world.
func newHome(t *testing.T) *home {
	t.Helper()
	testbed.Require(t, "curl", "dig", "ping")
	ctx, cancel := context.WithTimeout(t.Context(), programTimeout)
	t.Cleanup(cancel)
	nw := testbed.New(t, testbed.Config{})
	nw.StartServers()
	h := &home{
		Network: nw, ctx: ctx,
		work: nw.AddClient(testbed.Client{
			Name: "work", Label: "blue", DomID: 4,
			IP: netip.MustParseAddr("10.137.0.6"), IP6: netip.MustParseAddr("fd09:24ef:4179::a89:6"),
		}),
		banking: nw.AddClient(testbed.Client{
			Name: "banking", Label: "green", DomID: 5, IP: netip.MustParseAddr("10.137.0.7"),
		}),
		untrusted: nw.AddClient(testbed.Client{
			Name: "untrusted", Label: "red", DomID: 7, IP: netip.MustParseAddr("10.137.0.9"),
		}),
		vpn: nw.AddClient(testbed.Client{
			Name: "sys-vpn", Label: "gray", DomID: 9, IP: netip.MustParseAddr("10.137.0.20"), ProvidesNetwork: true,
		}),
	}
	h.behind = nw.AddClient(testbed.Client{
		Name: "vpn-client", Label: "purple", DomID: 12, IP: netip.MustParseAddr("10.137.0.21"), NetVM: h.vpn,
	})
	nw.Settle()
	return h
}

// clients returns the qubes on sys-log.
func (h *home) clients() []*testbed.Qube {
	return []*testbed.Qube{h.work, h.banking, h.untrusted, h.vpn}
}

// run runs a program, given as words, and marks the test as failed if the
// program fails. It may be called from any goroutine of the test.
func (h *home) run(t *testing.T, q *testbed.Qube, command string) {
	t.Helper()
	args := strings.Fields(command)
	if _, _, err := q.Run(h.ctx, args[0], args[1:]...); err != nil {
		t.Error(err)
	}
}

func TestBeat_counters(t *testing.T) {
	h := newHome(t)
	var accounts []*account
	for _, q := range h.clients() {
		accounts = append(accounts, openAccount(t, h.Network, q))
	}
	b := startBeat(t, h.Network, h.clients()...)

	h.traffic(t)
	h.Settle()
	for _, a := range accounts {
		a.close(t, h.Network)
	}
	events := b.Stop(t)
	checkBalance(t, events)

	for i, q := range h.clients() {
		accounts[i].check(t, events)
		checkNames(t, q, flows(events, onVif(q.Vif)))
	}
	checkKinds(t, events)
	for _, e := range flows(events, nil) {
		if !strings.HasPrefix(vif(e), "vif") {
			t.Errorf("flow on interface %q; want vifs only", vif(e))
		}
		if e.Text("qube.name") == h.behind.Name || e.Text("source.ip") == h.behind.IP.String() {
			t.Errorf("flow of a qube behind a ProxyVM by name: %v", e)
		}
	}
}

// traffic lets all qubes work at the same time.
func (h *home) traffic(t *testing.T) {
	t.Helper()
	var wg sync.WaitGroup
	for q, commands := range map[*testbed.Qube][]string{
		h.work: {
			"curl -sS -o /dev/null " + testbed.SmallURL,
			"curl -sS -o /dev/null " + testbed.SmallURL6,
			fmt.Sprintf("curl -sS -o /dev/null %s%d", testbed.LargeURL, largeBytes),
		},
		h.banking: {
			"dig www.example.org @" + testbed.MagicDNS,
			"curl -sSk -o /dev/null https://" + testbed.WebAddr + "/",
			"dig TXT big.example.org @" + testbed.MagicDNS,
		},
		h.untrusted: {
			"ping -c5 -i0.2 -s1000 " + testbed.WebAddr,
			"ping -c2 -i0.2 -s4000 " + testbed.WebAddr, // fragments
		},
		h.vpn: {"curl -sS -o /dev/null " + testbed.SmallURL},
		h.behind: {
			"dig www.example.org @" + testbed.MagicDNS,
			"curl -sS -o /dev/null " + testbed.LargeURL + "1000000",
		},
	} {
		wg.Go(func() {
			for _, c := range commands {
				h.run(t, q, c)
			}
		})
	}
	wg.Wait()
}

// checkKinds fails the test unless there is a flow of everything that traffic
// does.
func checkKinds(t *testing.T, events beat.Events) {
	t.Helper()
	wantFlow(t, events, "large download", func(e beat.Event) bool {
		return e.Text("qube.name") == "work" && e.Text("destination.ip") == testbed.WebAddr &&
			e.Number("destination.port") == 80 && e.Text("network.transport") == "tcp" &&
			e.Number("destination.bytes") > largeBytes && e.Text("flow.end_reason") == "end"
	})
	wantFlow(t, events, "IPv6", func(e beat.Event) bool {
		return e.Text("qube.name") == "work" && e.Text("destination.ip") == testbed.WebAddr6
	})
	wantFlow(t, events, "DNS over UDP", func(e beat.Event) bool {
		return e.Text("qube.name") == "banking" && e.Text("destination.ip") == testbed.MagicDNS &&
			e.Number("destination.port") == 53 && e.Text("network.transport") == "udp"
	})
	wantFlow(t, events, "DNS over TCP", func(e beat.Event) bool {
		return e.Text("qube.name") == "banking" && e.Number("destination.port") == 53 && e.Text("network.transport") == "tcp"
	})
	wantFlow(t, events, "ping", func(e beat.Event) bool {
		return e.Text("qube.name") == "untrusted" && e.Text("network.transport") == "icmp"
	})
}

// checkNames fails the test unless every flow of a client has its names.
func checkNames(t *testing.T, q *testbed.Qube, flows beat.Events) {
	t.Helper()
	if len(flows) == 0 {
		t.Errorf("no flow of %s", q)
	}
	for _, e := range flows {
		for field, want := range map[string]string{
			"qube.name":        q.Name,
			"qube.label":       q.Label,
			"qube.class":       q.Class,
			"qube.netvm":       "sys-log",
			"qube.vif":         q.Vif,
			"qube.attribution": "inventory",
		} {
			if got := e.Text(field); got != want {
				t.Errorf("%s = %q; want %q: %v", field, got, want, e)
			}
		}
		if src := e.Text("source.ip"); src != q.IP.String() && src != q.IP6.String() {
			continue // an answer without a question, such as an ICMP error
		}
		for field, want := range map[string]string{
			"source.qube.name": q.Name, "source.qube.label": q.Label, "network.direction": "outbound",
		} {
			// Groups and neighbours on the cable are not the world.
			if dst, err := netip.ParseAddr(e.Text("destination.ip")); err != nil || dst.IsMulticast() {
				continue
			}
			if got := e.Text(field); got != want {
				t.Errorf("%s = %q; want %q: %v", field, got, want, e)
			}
		}
		if id := e.Text("network.community_id"); !strings.HasPrefix(id, "1:") {
			t.Errorf("network.community_id = %q; want a version 1 id: %v", id, e)
		}
	}
}

// wantFlow fails the test unless a final flow is such as match wants.
func wantFlow(t *testing.T, events beat.Events, what string, match func(beat.Event) bool) {
	t.Helper()
	if len(flows(events, match)) == 0 {
		t.Errorf("no flow of the %s", what)
	}
}

func TestBeat_vifReAdded(t *testing.T) {
	h := newHome(t)
	accounts := []*account{
		openAccount(t, h.Network, h.work), openAccount(t, h.Network, h.untrusted), openAccount(t, h.Network, h.vpn),
	}
	first := openAccount(t, h.Network, h.banking)
	b := startBeat(t, h.Network, h.clients()...)

	// What the others do from before the restart until after it.
	var wg sync.WaitGroup
	for q, command := range map[*testbed.Qube]string{
		h.work:      "curl -sS -o /dev/null --limit-rate 4M " + testbed.LargeURL + "16000000",
		h.untrusted: "ping -c20 -i0.2 " + testbed.WebAddr,
		h.behind:    "curl -sS -o /dev/null --limit-rate 1M " + testbed.LargeURL + "4000000",
	} {
		wg.Go(func() { h.run(t, q, command) })
	}
	h.run(t, h.banking, "curl -sSk -o /dev/null https://"+testbed.WebAddr+"/")
	// The others are busy, so Network.Settle cannot tell when banking is silent: one
	// delayed acknowledgement can be under way.
	poll.Settle(t, "banking is silent", 200*time.Millisecond, func() testbed.Counters { return h.VifCounters(h.banking) })
	first.close(t, h.Network)
	again := h.ReAdd(h.banking, 21)
	h.WriteInventory(inventory(b))
	b.AwaitLog(t, "following interface", "interface", again.Vif)
	second := openAccount(t, h.Network, again)
	h.run(t, again, "curl -sS -o /dev/null "+testbed.LargeURL+"1000000")
	h.run(t, again, "dig www.example.org @"+testbed.MagicDNS)
	wg.Wait()
	h.Settle()
	accounts = append(accounts, second)
	for _, a := range accounts {
		a.close(t, h.Network)
	}
	events := b.Stop(t)
	checkBalance(t, events)

	for _, a := range append(accounts, first) {
		a.check(t, events)
		if len(flows(events, onVif(a.q.Vif))) == 0 {
			t.Errorf("no flow on %s", a.q.Vif)
		}
	}
	// The second life of banking is named by what dom0 says now, the first by
	// what it said then.
	checkNames(t, h.banking, flows(events, onVif(h.banking.Vif)))
	checkNames(t, again, flows(events, onVif(again.Vif)))
}

func TestBeat_terminated(t *testing.T) {
	const perClient = 25 // live connections
	h := newHome(t)
	b := startBeat(t, h.Network, h.clients()...)

	// Connections with a request that has not been answered yet.
	type live struct {
		vif  string
		ip   string
		port uint64
	}
	var want []live
	for _, q := range h.clients() {
		for range perClient {
			conn := dial(t, q, testbed.WebAddr+":80")
			defer func() { _ = conn.Close() }()
			if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\n"); err != nil {
				t.Fatal(err)
			}
			ap := netip.MustParseAddrPort(conn.LocalAddr().String())
			want = append(want, live{q.Vif, ap.Addr().String(), uint64(ap.Port())})
		}
	}
	// And one that is busy.
	ctx, cancel := context.WithCancel(h.ctx)
	defer cancel()
	busy := make(chan struct{})
	go func() {
		defer close(busy)
		_, _, _ = h.work.Run(ctx, "curl", "-sS", "-o", "/dev/null", "--limit-rate", "10M", testbed.LargeURL+"4000000000")
	}()
	poll.Until(t, "the download is under way", func() bool { return h.VifCounters(h.work).TxBytes >= 5_000_000 })
	events := b.Stop(t)
	checkBalance(t, events)
	cancel()
	<-busy

	got := map[live]beat.Event{}
	for _, e := range flows(events, nil) {
		got[live{vif(e), e.Text("source.ip"), e.Number("source.port")}] = e
	}
	for _, l := range want {
		e, ok := got[l]
		if !ok {
			t.Errorf("no final event of the live flow %v", l)
			continue
		}
		if e.Number("source.bytes") == 0 || e.Number("destination.bytes") == 0 {
			t.Errorf("live flow %v without bytes of both sides: %v", l, e)
		}
		if reason := e.Text("flow.end_reason"); reason != "forced" {
			t.Errorf("flow.end_reason = %q; want forced", reason)
		}
	}
	wantFlow(t, events, "busy download", func(e beat.Event) bool {
		return e.Text("qube.name") == "work" && e.Number("destination.bytes") > 4_000_000
	})
}

// dial connects from a qube.
func dial(t *testing.T, q *testbed.Qube, addr string) (conn net.Conn) {
	t.Helper()
	err := q.Do(func() (err error) {
		conn, err = net.DialTimeout("tcp", addr, 5*time.Second)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

func TestBeat_spoofed(t *testing.T) {
	h := newHome(t)
	b := startBeat(t, h.Network, h.clients()...)
	a := openAccount(t, h.Network, h.untrusted)

	h.run(t, h.banking, "curl -sSk -o /dev/null https://"+testbed.WebAddr+"/")
	h.run(t, h.untrusted, "curl -sS -o /dev/null "+testbed.SmallURL)
	// untrusted takes banking's address. It gets no answer: antispoof drops, or the
	// answers go to banking.
	victim := h.banking.IP.String()
	h.run(t, h.untrusted, "ip addr add "+victim+" dev eth0")
	_, _, err := h.untrusted.Run(h.ctx, "ping", "-c5", "-i0.2", "-W1", "-I", victim, testbed.WebAddr)
	if err == nil {
		t.Error("spoofed ping was answered")
	}
	h.Settle()
	a.close(t, h.Network)
	events := b.Stop(t)
	checkBalance(t, events)

	a.check(t, events)
	spoofed := flows(events, func(e beat.Event) bool { return e.Text("qube.attribution") == "spoofed" })
	var packets uint64
	for _, e := range spoofed {
		packets += e.Number("source.packets")
		for field, want := range map[string]string{
			"source.ip":                       victim,
			"qube.name":                       h.untrusted.Name,
			"qube.label":                      h.untrusted.Label,
			"qube.vif":                        h.untrusted.Vif,
			"observer.ingress.interface.name": h.untrusted.Vif,
		} {
			if got := e.Text(field); got != want {
				t.Errorf("%s = %q; want %q: %v", field, got, want, e)
			}
		}
		if e.Text("source.qube.name") == h.banking.Name {
			t.Errorf("a spoofed flow is put down to its victim: %v", e)
		}
	}
	if packets != 5 {
		t.Errorf("%d spoofed packets in %d flows; want 5", packets, len(spoofed))
	}
	// The victim's own traffic and the spoofer's honest traffic are not marked.
	checkNames(t, h.banking, flows(events, onVif(h.banking.Vif)))
	checkNames(t, h.untrusted, flows(events, func(e beat.Event) bool {
		return vif(e) == h.untrusted.Vif && e.Text("qube.attribution") != "spoofed"
	}))
}
