//go:build linux

package qubesdb_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/guard"
	"github.com/qubesbeat/qubesbeat/internal/qubesdb"
	"github.com/qubesbeat/qubesbeat/internal/testbed"
	"github.com/qubesbeat/qubesbeat/internal/testbed/poll"
)

// dump returns the entries of QubesDB in a real sys-log.
func dump(t *testing.T) map[string]string {
	t.Helper()
	const path = "../../../shared/fixtures/qvm-ls/r4.3/qubesdb-sys-log.txt"
	f, err := os.Open(path)
	if err != nil {
		t.Skip("no " + path + " beside the repository")
	}
	defer f.Close()
	all := map[string]string{}
	for sc := bufio.NewScanner(f); sc.Scan(); {
		if key, value, ok := strings.Cut(sc.Text(), " = "); ok && key[0] == '/' {
			all[key] = value
		}
	}
	return all
}

func TestClient(t *testing.T) {
	t.Parallel()
	d := testbed.StartQubesDB(t, map[string]string{"/name": "sys-log", "/a/1": "x", "/a/2": ""})
	c, err := qubesdb.Dial(d.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if v, err := c.Read("/name"); v != "sys-log" || err != nil {
		t.Errorf("Read = %q, %v", v, err)
	}
	if _, err := c.Read("/none"); !errors.Is(err, qubesdb.ErrNoEntry) {
		t.Errorf("Read of nothing = %v", err)
	}
	if all, err := c.ReadAll("/a/"); err != nil || len(all) != 2 || all["/a/1"] != "x" {
		t.Errorf("ReadAll = %v, %v", all, err)
	}
	if _, err := c.Read("/" + strings.Repeat("a", 64)); err == nil {
		t.Error("Read accepts a path that is too long")
	}
}

func TestEvaluateDNS(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, policy string
		rules        []string
		udp, tcp     bool
	}{
		{"everything", "drop", []string{"action=accept"}, true, true},
		{"nothing", "drop", []string{"action=drop"}, false, false},
		{"the policy alone", "drop", nil, false, false},
		{"the policy accepts", "accept", nil, true, true},
		{"DNS only", "drop", []string{"action=accept specialtarget=dns", "action=drop"}, true, true},
		{"DNS not", "accept", []string{"action=drop specialtarget=dns", "action=accept"}, false, false},
		{"other traffic first", "drop", []string{"action=drop dst4=192.0.2.0/24", "action=drop proto=icmp icmptype=8", "action=accept dsthost=bank.example",
			"action=drop dst6=2001:db8::/32", "action=accept proto=udp dstports=50-60"}, true, false},
		{"other ports", "drop", []string{"action=accept proto=tcp dstports=443-443"}, false, false},
		{"one address", "drop", []string{"action=accept dst4=10.139.1.2/32 proto=udp dstports=53-53"}, true, false},
		{"an unknown word", "accept", []string{"action=accept colour=red"}, false, false},
		{"no action", "accept", []string{"proto=udp"}, false, false},
		{"an unknown policy", "maybe", []string{"action=accept"}, false, false},
		{"a broken port", "accept", []string{"action=accept dstports=60-50"}, false, false},
	} {
		entries := map[string]string{"policy": tt.policy, "": ""}
		for i, r := range tt.rules {
			entries["000"+string(rune('0'+2*i))] = r // with gaps, as dom0 leaves them
		}
		v := qubesdb.EvaluateDNS(entries)
		if v.UDP != tt.udp || v.TCP != tt.tcp || (v.Why == "") != (tt.udp && tt.tcp) {
			t.Errorf("%s: %+v; want UDP %v, TCP %v", tt.name, v, tt.udp, tt.tcp)
		}
	}
}

func TestFirewall(t *testing.T) {
	t.Parallel()
	entries := dump(t)
	d := testbed.StartQubesDB(t, entries)
	w := qubesdb.NewFirewall(d.Path, slog.New(slog.DiscardHandler), nil)
	ask := func(addr string) bool {
		_, refused := w.Refuses(netip.MustParseAddr(addr), false)
		return refused
	}
	if !ask("10.137.0.11") {
		t.Error("a client is accepted before the rules have been read")
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); w.Run(ctx) }()
	wait := func(addr string, refused bool) {
		t.Helper()
		poll.Until(t, fmt.Sprintf("%s refused = %v", addr, refused), func() bool { return ask(addr) == refused })
	}
	wait("10.137.0.11", false)
	wait("10.137.0.7", false) // specialtarget=dns
	wait("10.137.0.6", true)  // drops everything
	wait("10.137.0.9", true)  // drops DNS
	wait("10.137.0.77", true) // unknown
	d.Set("/qubes-firewall/10.137.0.11/0000", "action=drop")
	d.Set("/qubes-firewall/10.137.0.11", "")
	wait("10.137.0.11", true)
	cancel()
	<-done
	wait("10.137.0.7", false) // without the daemon, the last rules apply
}

func FuzzClient(f *testing.F) {
	var seed bytes.Buffer
	testbed.SendQubesDB(&seed, 11, "/a/1", "x")
	testbed.SendQubesDB(&seed, 11, "", "")
	f.Add(seed.Bytes())
	f.Fuzz(func(t *testing.T, sent []byte) {
		path := filepath.Join(t.TempDir(), "s")
		l, err := net.Listen("unix", path)
		if err != nil {
			t.Skip(err)
		}
		defer l.Close()
		go func() {
			if c, err := l.Accept(); err == nil {
				_, _ = c.Write(sent)
				_ = c.Close()
			}
		}()
		c, err := qubesdb.Dial(path)
		if err != nil {
			t.Skip(err)
		}
		defer c.Close()
		all, err := c.ReadAll("/a/")
		for p := range all {
			if !strings.HasPrefix(p, "/a/") && err == nil {
				t.Fatalf("ReadAll gives %q", p)
			}
		}
	})
}

func FuzzEvaluateDNS(f *testing.F) {
	f.Add("action=accept dst4=10.139.1.1/32 proto=udp dstports=53-53")
	f.Fuzz(func(t *testing.T, text string) {
		v := qubesdb.EvaluateDNS(map[string]string{"policy": "drop", "0000": text})
		if (v.UDP || v.TCP) && !strings.Contains(text, "action=accept") {
			t.Fatalf("%q accepts", text)
		}
	})
}

// TestFirewall_Guard refuses the client whose rules cause a panic, and no other.
func TestFirewall_Guard(t *testing.T) {
	t.Parallel()
	d := testbed.StartQubesDB(t, map[string]string{
		"/qubes-firewall/10.137.0.6/policy": "accept", "/qubes-firewall/10.137.0.7/policy": "accept crash"})
	keeper := guard.New(guard.Config{Logger: slog.New(slog.DiscardHandler)})
	keeper.Inject("resolver/qubesdb=crash")
	w := qubesdb.NewFirewall(d.Path, slog.New(slog.DiscardHandler), keeper.Part("resolver/qubesdb"))
	if err := w.Load(); err != nil {
		t.Fatal(err)
	}
	if why, refused := w.Refuses(netip.MustParseAddr("10.137.0.6"), false); refused {
		t.Errorf("another client is refused: %s", why)
	}
	if why, refused := w.Refuses(netip.MustParseAddr("10.137.0.7"), false); !refused || !strings.Contains(why, "could not be evaluated") {
		t.Errorf("the client whose rules cause a panic: refused %v, %q", refused, why)
	}
}
