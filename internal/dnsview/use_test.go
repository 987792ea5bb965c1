package dnsview_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/dnsview"
)

// TestNames_Use keeps the name of an address that a client uses for as long as a connection may be
// quiet, and of no other.
func TestNames_Use(t *testing.T) {
	t.Parallel()
	n := dnsview.NewNames(nil)
	client, used, other := netip.MustParseAddr("10.137.0.6"), netip.MustParseAddr("203.0.113.9"), netip.MustParseAddr("203.0.113.10")
	at := func(d time.Duration) int64 { return int64(1_700_000_000e9) + int64(d) }
	n.Add(client, used, "push.example", at(0), 60)
	n.Add(client, other, "www.example", at(0), 60)
	for _, step := range []struct {
		begun, alive time.Duration
		want         string
	}{
		{time.Minute, 3 * time.Hour, "push.example"},
		{5 * time.Hour, 5*time.Hour + time.Minute, "push.example"}, // the connection goes on after a pause of two hours
		{5 * time.Hour, 5*time.Hour + 2*time.Minute, "push.example"},
		{7*time.Hour + 4*time.Minute, 8 * time.Hour, ""}, // too late
	} {
		if name, known := n.Use(client, used, at(step.begun), at(step.alive)); name != step.want || !known {
			t.Errorf("begun after %v: %q, %v; want %q of a client that is known", step.begun, name, known, step.want)
		}
	}
	if name, known := n.Use(client, netip.MustParseAddr("203.0.113.11"), at(-time.Minute), at(time.Minute)); name != "" || known {
		t.Errorf("of a connection that has begun before the first answer: %q, %v; want nothing known", name, known)
	}
	if name, _ := n.Find(client, other, at(12*time.Minute)); name != "" {
		t.Errorf("the name of an address that is not used is %q; want it forgotten", name)
	}
	if name, known := n.Use(other, used, at(0), at(0)); name != "" || known {
		t.Errorf("for a client that is not known: %q, %v", name, known)
	}
}

// TestNames_owner knows a client by one address, whichever it asks or connects from.
func TestNames_owner(t *testing.T) {
	t.Parallel()
	v4, v6, used := netip.MustParseAddr("10.137.0.6"), netip.MustParseAddr("fd09:24ef:4179::a89:6"), netip.MustParseAddr("2001:db8:77::7")
	n := dnsview.NewNames(func(a netip.Addr, _ int64) netip.Addr {
		if a == v6 {
			return v4
		}
		return a
	})
	const at = int64(1_700_000_000e9)
	n.ObserveQuery(v6, at)
	for _, asker := range []netip.Addr{v4, v6} {
		n.Add(asker, used, "www.example", at, 60)
		for _, client := range []netip.Addr{v4, v6} {
			name, known := n.Find(client, used, at)
			again, _ := n.Use(client, used, at, at)
			if name != "www.example" || again != name || !known {
				t.Errorf("asked by %v, of %v: %q, %q, %v", asker, client, name, again, known)
			}
		}
	}
	if s := n.Stats(); s.Clients != 1 || s.Addresses != 1 {
		t.Errorf("stats = %+v; want one client with one address", s)
	}
}
