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

// TestRecent remembers the last queries of a client, every one of them.
func TestRecent(t *testing.T) {
	t.Parallel()
	seed, q := maphash.MakeSeed(), new(recent)
	from := netip.MustParseAddrPort("10.137.0.6:5000")
	for n := range 3000 {
		q.add(queryHash(seed, from, uint16(n)))
		for last := max(0, n-recentOf+1); last <= n; last += 97 {
			if !q.has(queryHash(seed, from, uint16(last))) {
				t.Fatalf("after %d queries, number %d is forgotten", n+1, last)
			}
		}
	}
	if q.has(queryHash(seed, from, 3001)) {
		t.Error("a query that was never asked is known")
	}
}

func BenchmarkRecent(b *testing.B) {
	seed, q := maphash.MakeSeed(), new(recent)
	from := netip.MustParseAddrPort("10.137.0.6:5000")
	b.Run("add", func(b *testing.B) {
		for b.Loop() {
			q.add(queryHash(seed, from, 7))
		}
	})
	b.Run("has", func(b *testing.B) {
		for b.Loop() {
			q.has(queryHash(seed, from, 8))
		}
	})
}
