package packetstore

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// TestStore_Watch stores the flows of an address, of a qube and of a Community ID whole
// while they are watched, whether they began before or after, and cuts the others.
func TestStore_Watch(t *testing.T) {
	t.Parallel()
	id := communityID(info(7, 1))
	for name, one := range map[string]Watch{
		"address":      {Addr: info(7, 1).Destination},
		"qube":         {Qube: "work"},
		"Community ID": {CommunityID: id},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, fastDir(t), func(c *Config) { c.FlowLimit = 2000 })
			w.add(7, 1, 10, 1000)
			w.add(8, 70000, 10, 1000)
			w.tick()
			cut := w.c.written[cutFlow].packets
			if cut < 12 {
				t.Fatalf("%d packets are cut before the watch; want 12 or more", cut)
			}
			one.Until = w.now.Add(time.Hour)
			check(t, w.Watch(one))
			w.add(7, 1, 10, 1000)
			if w.tick(); w.c.written[cutFlow].packets != cut {
				t.Errorf("%d packets of the watched flow are cut; want none", w.c.written[cutFlow].packets-cut)
			}
			w.add(8, 70000, 5, 1000)
			if w.tick(); w.c.written[cutFlow].packets != cut+5 {
				t.Errorf("%d packets of another flow are cut; want 5", w.c.written[cutFlow].packets-cut)
			}
			w.mu.Lock()
			for _, st := range w.streams {
				w.seal(st, "test")
			}
			w.mu.Unlock()
			w.add(7, 1, 10, 1000) // in a new segment
			if w.tick(); w.c.written[cutFlow].packets != cut+5 {
				t.Errorf("%d packets of the watched flow are cut in the next segment; want none", w.c.written[cutFlow].packets-cut-5)
			}
			if got := w.Watches(); len(got) != 1 || got[0].Flows == 0 || got[0].String() != one.String() {
				t.Errorf("Watches = %+v; want the one, with its flows", got)
			}
			w.now = one.Until
			if got := w.Watches(); len(got) != 0 {
				t.Errorf("Watches after the end = %+v; want none", got)
			}
			w.stop()
		})
	}
}

// communityID returns the Community ID of a flow.
func communityID(f *FlowInfo) string {
	r := flow.Record{Family: 4, Proto: f.Protocol}
	r.Source.Addr, _ = packet.AddrFrom(f.Source)
	r.Destination.Addr, _ = packet.AddrFrom(f.Destination)
	r.Source.Port, r.Destination.Port = f.SourcePort, f.DestinationPort
	return r.CommunityID(0)
}

// TestStore_Lift stores a flow whole from the moment on at which a finding names it.
func TestStore_Lift(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fastDir(t), func(c *Config) { c.FlowLimit = 2000 })
	w.add(7, 1, 10, 1000)
	w.tick()
	cut := w.c.written[cutFlow].packets
	f := *info(7, 1)
	f.Key, f.Born, f.Source, f.Destination, f.SourcePort, f.DestinationPort = 0, 0, f.Destination, f.Source, f.DestinationPort, f.SourcePort
	w.Lift(&f, w.now.Add(time.Minute))
	w.add(7, 1, 10, 1000)
	w.add(7, 2, 10, 1000)
	if w.tick(); w.c.written[cutFlow].packets-cut > 8 || w.c.written[cutFlow].packets == cut {
		t.Errorf("%d packets are cut; want those of the other flow", w.c.written[cutFlow].packets-cut)
	}
	for i := range maxLifts + 10 {
		g := f
		g.SourcePort, g.DestinationPort = uint16(i), uint16(i>>8)
		w.Lift(&g, w.now.Add(time.Minute))
	}
	if n := len(w.watches.lifts); n != maxLifts || w.watches.refused == 0 {
		t.Errorf("%d flows are lifted, %d refused; want %d", n, w.watches.refused, maxLifts)
	}
	w.now = w.now.Add(2 * time.Minute)
	if w.tick(); len(w.watches.lifts) != 0 {
		t.Errorf("%d flows are lifted after their time; want none", len(w.watches.lifts))
	}
	w.stop()
}

// TestStore_Watch_refused refuses what cannot be watched, and more than there is room for.
func TestStore_Watch_refused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fastDir(t), nil)
	later := w.now.Add(time.Hour)
	for _, one := range []Watch{{Until: later}, {CommunityID: "1:x", Until: later}} {
		if err := w.Watch(one); err == nil {
			t.Errorf("Watch(%+v) = nil; want an error", one)
		}
	}
	for i := range maxWatches {
		check(t, w.Watch(Watch{Qube: fmt.Sprint("q", i), Until: later}))
	}
	if err := w.Watch(Watch{Addr: netip.MustParseAddr("192.0.2.1"), Until: later}); !errors.Is(err, ErrWatches) {
		t.Errorf("Watch = %v; want ErrWatches", err)
	}
	check(t, w.Watch(Watch{Qube: "q1", Until: later}))
	check(t, w.Watch(Watch{Qube: "q1"})) // ends it
	if n := len(w.Watches()); n != maxWatches-1 {
		t.Errorf("%d watches; want %d", n, maxWatches-1)
	}
	w.stop()
}

// TestStore_Watch_spared removes the segments of other qubes before those of a qube that
// has watched packets, although it has more.
func TestStore_Watch_spared(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fastDir(t), func(c *Config) { c.Segment.Bytes, c.MaxBytes = 1<<20, 16<<20 })
	check(t, w.Watch(Watch{Addr: info(7, 1).Destination, Until: w.now.Add(time.Hour)}))
	w.add(7, 1, 1, 1000)
	w.Gone(7)
	w.tick()
	if now := w.now.UnixNano(); !w.w.spares("work", now) || w.w.spares("personal", now) {
		t.Error("work is not spared, or personal is")
	}
	w.add(8, 70000, 2000, 1000)
	w.add(7, 1, 10000, 1000)
	w.tick()
	first := w.w.catalog.shelves["work"].segs[0].name
	w.add(7, 1, 3000, 1000)
	w.tick()
	if sh := w.w.catalog.shelves["personal"]; sh != nil {
		t.Errorf("personal has %d segments; want them removed for those of work", len(sh.segs))
	}
	if got := w.w.catalog.shelves["work"].segs[0].name; got != first {
		t.Errorf("the oldest of work is %s; want %s, which is watched", got, first)
	}
	w.now = w.now.Add(2 * time.Hour)
	w.add(8, 70000, 2000, 1000)
	w.add(7, 1, 2000, 1000)
	if w.tick(); w.w.catalog.shelves["work"].segs[0].name == first {
		t.Error("the oldest of work is there after the watch; want it removed, for work has most")
	}
	w.stop()
}
