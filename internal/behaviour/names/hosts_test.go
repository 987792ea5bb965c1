package names_test

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/behaviour/names"
)

// address returns one of many addresses.
func address(i int) netip.Addr { return netip.AddrFrom4([4]byte{198, 51, byte(i >> 8), byte(i)}) }

// TestWindow_UseAddr takes names for used whose address the client connects to, by whichever of its names,
// and does not let a connection speak for all names of a tunnel.
func TestWindow_UseAddr(t *testing.T) {
	t.Parallel()
	other := netip.MustParseAddr("2001:db8::7")
	for _, tt := range []struct {
		name     string
		answer   func(i int) []netip.Addr
		connects func(i int) (netip.Addr, bool) // after the response for a name
		want     bool
		names    int
	}{
		{"hosts of their own", ofOwn, func(i int) (netip.Addr, bool) { return address(i), true }, true, 100},
		{"a connection that is kept", func(int) []netip.Addr { return []netip.Addr{address(0)} }, func(i int) (netip.Addr, bool) { return address(0), i%20 == 0 }, true, 100},
		{"one connection for all", func(int) []netip.Addr { return []netip.Addr{address(0)} }, func(i int) (netip.Addr, bool) { return address(0), i == 0 }, false, 100},
		{"after several responses", func(i int) []netip.Addr { return []netip.Addr{address(0)} }, func(i int) (netip.Addr, bool) { return address(0), i%8 == 7 }, true, 100},
		{"over another protocol", func(i int) []netip.Addr { return []netip.Addr{address(i), other} }, func(i int) (netip.Addr, bool) { return other, i%8 == 7 }, true, 100},
		{"answers that carry data, one used", ofOwn, func(i int) (netip.Addr, bool) { return address(0), i == 0 }, false, 100},
		{"answers that carry data, some used", ofOwn, func(i int) (netip.Addr, bool) { return address(i), i%3 == 0 }, false, 100},
		{"none", func(int) []netip.Addr { return nil }, func(i int) (netip.Addr, bool) { return address(i), true }, false, 100},
		{"one connection for some", func(int) []netip.Addr { return []netip.Addr{address(0)} }, func(i int) (netip.Addr, bool) { return address(0), i == 0 }, true, 30},
		{"to what names before them had", func(i int) []netip.Addr { return []netip.Addr{address(0)}[min(i/32, 1):] }, func(i int) (netip.Addr, bool) { return address(0), i >= 62 }, false, 64},
	} {
		var w names.Window
		for i := range tt.names {
			q := query(fmt.Sprintf("host%d.example.org", i), int64(i))
			w.Add(q)
			q.Response, q.Addrs = true, tt.answer(i)
			w.Add(q)
			if to, does := tt.connects(i); does {
				w.UseAddr(names.AddrHash(to, 0))
			}
		}
		if w.Used() != tt.want {
			t.Errorf("%s: Used = %v; want %v", tt.name, w.Used(), tt.want)
		}
	}
}

// ofOwn returns an address that no other name has.
func ofOwn(i int) []netip.Addr { return []netip.Addr{address(i)} }

// TestWindow_Answered says that names are those of hosts if addresses answer them, and not if something
// else does.
func TestWindow_Answered(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		answer netip.Addr
		want   bool
	}{"address": {address(1), true}, "other records": {netip.Addr{}, false}, "no host": {netip.IPv4Unspecified(), false}} {
		var w names.Window
		for i := range 40 {
			q := query(fmt.Sprintf("host%d.example.org", i), int64(i))
			w.Add(q)
			if q.Response = true; tt.answer.IsValid() {
				q.Addrs = []netip.Addr{tt.answer}
			}
			w.Add(q)
		}
		if w.Answered() != tt.want {
			t.Errorf("%s: Answered = %v; want %v", name, w.Answered(), tt.want)
		}
	}
}
