package ring_test

import (
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/ring"
	"github.com/qubesbeat/qubesbeat/internal/share"
)

// entry owns memory that is used again.
type entry struct{ text []byte }

// write fills a slot in place.
func write(r *ring.Ring[entry], text string) bool {
	slot := r.Reserve(0, 8)
	if slot == nil {
		return false
	}
	slot.text = append(slot.text[:0], text...)
	r.Commit()
	return true
}

// TestRing_Reserve copies what an element refers to, and allocates nothing once
// every slot and the batch have memory. It is not parallel, because AllocsPerRun
// refuses that.
func TestRing_Reserve(t *testing.T) {
	r := ring.New(ring.Config[entry]{Size: 8, Swap: true})
	batch := make([]entry, 4)
	round := func() {
		for _, s := range []string{"one", "two", "three"} {
			write(r, s)
		}
		if n := r.Pop(batch, time.Time{}); n != 3 || string(batch[0].text) != "one" || string(batch[2].text) != "three" {
			t.Errorf("Pop = %d, %q first, %q third; want one, two, three", n, batch[0].text, batch[2].text)
		}
	}
	for range 10 {
		round()
	}
	if n := testing.AllocsPerRun(100, round); n != 0 {
		t.Errorf("a round allocates %v times; want 0", n)
	}
	for range 8 {
		write(r, "full")
	}
	if write(r, "more") {
		t.Error("Reserve found room in a full ring")
	}
	if s := r.Stats(); s.Dropped != 1 || s.Waiting != 8 {
		t.Errorf("Stats = %+v; want 1 dropped, 8 waiting", s)
	}
}

// TestRing_Push_allocs is not parallel, because AllocsPerRun refuses that.
func TestRing_Push_allocs(t *testing.T) {
	plain := ring.New(ring.Config[packet]{Size: 8})
	fair := ring.New(ring.Config[packet]{Size: 8, Class: func(p *packet) share.Class { return share.Class(p.iface) }})
	dst := make([]packet, 4)
	deadline := time.Now().Add(time.Hour)
	n := testing.AllocsPerRun(100, func() {
		for _, r := range []*ring.Ring[packet]{plain, fair} {
			p := packet{iface: 7}
			r.Push(&p)
			r.Pop(dst, deadline)
		}
	})
	if n != 0 {
		t.Errorf("Push and Pop allocate %v times; want 0", n)
	}
}
