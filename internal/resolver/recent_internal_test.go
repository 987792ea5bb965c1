package resolver

import (
	"hash/maphash"
	"net/netip"
	"testing"
)

// TestAttack03_recent remembers the queries of most clients while one asks without end,
// so that they are not reported a second time.
func TestAttack03_recent(t *testing.T) {
	t.Parallel()
	seed, q := maphash.MakeSeed(), new(recent)
	flood := netip.MustParseAddr("10.137.0.6")
	client := func(n int) netip.AddrPort {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 138, byte(n >> 8), byte(n)}), 5000)
	}
	const clients = 1000
	for n := range clients {
		q.add(queryHash(seed, client(n), 7))
	}
	for n := range 1_000_000 {
		q.add(queryHash(seed, netip.AddrPortFrom(flood, uint16(n>>8)), uint16(n)))
	}
	known := 0
	for n := range clients {
		if q.has(queryHash(seed, client(n), 7)) {
			known++
		}
	}
	if known < clients*9/10 {
		t.Errorf("the queries of %d of %d clients are remembered", known, clients)
	}
}
