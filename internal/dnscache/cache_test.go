package dnscache_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/dnscache"
	"github.com/qubesbeat/qubesbeat/internal/share"
)

// entry is an answer of n bytes with one TTL at its begin.
func entry(n int, ttl uint32, mark uint32) *dnscache.Entry {
	e := &dnscache.Entry{Msg: make([]byte, n), TTLs: []uint16{0}, TTL: ttl}
	binary.BigEndian.PutUint32(e.Msg, ttl)
	binary.BigEndian.PutUint32(e.Msg[4:], mark)
	return e
}

func TestCache_Get(t *testing.T) {
	c := dnscache.New(1 << 20)
	key := []byte("www.example A")
	c.Put(key, entry(100, 60, 7), 1000)
	for _, tt := range []struct {
		name       string
		now, stale int64
		want       bool
		ttl        uint32
	}{
		{"at once", 1000, 0, true, 60}, {"later", 1059, 0, true, 1}, {"expired", 1060, 0, false, 0},
		{"stale", 1060, 30, true, 0}, {"too stale", 1090, 30, false, 0}, {"a second of the clock before", 999, 0, true, 60}, {"the clock was set back", 10, 0, false, 0},
	} {
		var e dnscache.Entry
		got, ok := c.Get(nil, key, tt.now, tt.stale, &e)
		if ok != tt.want {
			t.Errorf("%s: Get = %v; want %v", tt.name, ok, tt.want)
		} else if ok && (binary.BigEndian.Uint32(got) != tt.ttl || binary.BigEndian.Uint32(got[4:]) != 7) {
			t.Errorf("%s: message %x; want a TTL of %d", tt.name, got[:8], tt.ttl)
		}
	}
	buf, e := make([]byte, 0, 512), dnscache.Entry{}
	if n := testing.AllocsPerRun(100, func() { c.Get(buf, key, 1001, 0, &e) }); n != 0 {
		t.Errorf("%v allocations for a hit; want 0", n)
	}
	c.SetVetted(key, 1000, 42)
	if c.Get(nil, key, 1001, 0, &e); e.VettedBy != 42 {
		t.Errorf("VettedBy = %d; want 42", e.VettedBy)
	}
	c.Put(key, entry(50, 60, 8), 1000)
	if got, ok := c.Get(nil, key, 1001, 0, &e); !ok || len(got) != 50 || e.VettedBy != 0 {
		t.Errorf("after replacement: %d bytes, clean %d", len(got), e.VettedBy)
	}
	c.Flush()
	if _, ok := c.Get(nil, key, 1001, 0, &e); ok {
		t.Error("there is something after Flush")
	}
}

// TestCache_model holds that what is found is what was put last under the key,
// whatever has come and gone.
func TestCache_model(t *testing.T) {
	t.Parallel()
	c := dnscache.New(1 << 20)
	last := map[int]uint32{}
	rnd := rand.New(rand.NewPCG(1, 2))
	found := 0
	for i := range uint32(300_000) {
		n := rnd.IntN(20_000)
		if rnd.IntN(3) == 0 {
			n = rnd.IntN(200) // some are in use
		}
		key := fmt.Appendf(nil, "key %d", n)
		var e dnscache.Entry
		if got, ok := c.Get(nil, key, 5, 0, &e); ok {
			found++
			if mark := binary.BigEndian.Uint32(got[4:]); mark != last[n] {
				t.Fatalf("round %d: key %d has %d; want %d", i, n, mark, last[n])
			}
		}
		if rnd.IntN(2) == 0 {
			c.Put(key, entry(8+rnd.IntN(4000), 60, i), 5)
			last[n] = i
		}
	}
	s := c.Stats()
	if found == 0 || s.Bytes > s.Size || s.Size > 1<<20 {
		t.Errorf("found %d times; stats %+v", found, s)
	}
}

// TestCache_flood holds that a flood of names that are asked for once neither
// pushes out what is in use nor takes more memory than the cache was given.
func TestCache_flood(t *testing.T) {
	const size = 32 << 20
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	c := dnscache.New(size)
	var e dnscache.Entry
	for i := range 1000 {
		c.Put(fmt.Appendf(nil, "used %d", i), entry(200, 3600, 1), 5)
		c.Get(nil, fmt.Appendf(nil, "used %d", i), 6, 0, &e)
	}
	for i := range 500_000 {
		c.Put(fmt.Appendf(nil, "random %d", i), entry(150, 3600, 1), 5)
	}
	lost := 0
	for i := range 1000 {
		if _, ok := c.Get(nil, fmt.Appendf(nil, "used %d", i), 7, 0, &e); !ok {
			lost++
		}
	}
	if used := heap() - before; used > size+size/50 || lost > 0 {
		t.Errorf("%d bytes used of %d, %d of 1000 answers in use lost", used, size, lost)
	}
	runtime.KeepAlive(c)
}

// TestAttack03_cache keeps the answers of a quiet client while another asks for names
// without end, once or several times each, and also for those of the quiet client.
func TestAttack03_cache(t *testing.T) {
	t.Parallel()
	for name, uses := range map[string]int{"once": 0, "several times": 4} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := dnscache.New(4 << 20)
			var e dnscache.Entry
			var buf [512]byte
			put := func(owner share.Class, key []byte, now int64) {
				e := entry(150, 3600, 1)
				e.Owner = owner
				c.Put(key, e, now)
			}
			const flood, quiet, names = 6, 7, 1000
			n := 0
			ask := func(times int) {
				for range times {
					n++
					key := fmt.Appendf(nil, "random %d", n)
					put(flood, key, 5)
					for range uses {
						c.Get(buf[:0], key, 5, 0, &e)
					}
				}
			}
			ask(50_000)
			for i := range names {
				put(quiet, fmt.Appendf(nil, "quiet %d", i), 5)
				ask(50)
			}
			for i := range names {
				put(flood, fmt.Appendf(nil, "quiet %d", i), 6) // fetched again for the flood
			}
			ask(100_000)
			lost := 0
			for i := range names {
				if _, ok := c.Get(buf[:0], fmt.Appendf(nil, "quiet %d", i), 7, 0, &e); !ok {
					lost++
				}
			}
			if lost > 0 {
				t.Errorf("%d of %d answers of the quiet client are lost", lost, names)
			}
			if s := c.Stats(); s.Bytes > s.Size || s.Evicted == 0 {
				t.Errorf("stats = %+v", s)
			}
		})
	}
}

// BenchmarkCache_Put stores what one client asks for without end, while nine others
// have an equal share of answers each.
func BenchmarkCache_Put(b *testing.B) {
	for _, owners := range []int{1, 10} {
		b.Run(fmt.Sprintf("%d owners", owners), func(b *testing.B) {
			c := dnscache.New(4 << 20)
			e := entry(120, 3600, 1)
			for i := range 30_000 {
				e.Owner = share.Class(i%owners + 1)
				c.Put(fmt.Appendf(nil, "www.host%d.example.org", i), e, 5)
			}
			e.Owner = 1
			key := make([]byte, 24)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				binary.BigEndian.PutUint64(key, uint64(i))
				c.Put(key, e, 5)
			}
		})
	}
}

func BenchmarkCache_Get(b *testing.B) {
	c := dnscache.New(32 << 20)
	keys := make([][]byte, 10_000)
	for i := range keys {
		keys[i] = fmt.Appendf(nil, "www.host%d.example.org", i)
		c.Put(keys[i], entry(120, 3600, 1), 5)
	}
	buf, e := make([]byte, 0, 512), dnscache.Entry{}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		c.Get(buf, keys[i%len(keys)], 6, 0, &e)
	}
}
