package packetstore

import (
	"io"
	"testing"
	"time"
)

// TestCopy_cuts says of packets that are shorter than on the wire why, and when they came:
// for the settings, for their flow's limit, or because the ring or the disk was behind.
func TestCopy_cuts(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change func(*Config)
		add    func(w *world)
		want   []Cut // their times are seconds after the first packet
	}{
		"whole":      {nil, func(w *world) { w.add(7, 1, 3, 1000) }, nil},
		"snaplen":    {func(c *Config) { c.Snaplen = 96 }, func(w *world) { w.add(7, 1, 3, 1000) }, []Cut{{Why: CutBySettings, Packets: 3}}},
		"payload":    {func(c *Config) { c.HeadersOnly = true }, func(w *world) { w.add(7, 1, 3, 1000) }, []Cut{{Why: CutBySettings, Packets: 3}}},
		"flow limit": {func(c *Config) { c.FlowLimit = 4 }, func(w *world) { w.add(7, 1, 3, 1000) }, []Cut{{Why: CutByLimit, Packets: 2}}},
		"of a qube":  {func(c *Config) { c.Limits = func(string) Limits { return Limits{HeadersOnly: true} } }, func(w *world) { w.add(7, 1, 3, 1000) }, []Cut{{Why: CutBySettings, Packets: 3}}},
		"ring": {nil, func(w *world) {
			w.add(7, 1, 1, 1000)
			w.now = w.now.Add(time.Second)
			for range 2 {
				p := w.packet(7, 1, 1000)
				p.Data = p.Data[:130]
				w.Add(p)
				w.now = w.now.Add(time.Second)
			}
			if n := w.c.waiting[cutPressure].packets; n != 2 {
				t.Errorf("%d packets are counted as cut for want of room; want 2", n)
			}
		}, []Cut{{CutByPressure, 2, time.Unix(1, 0), time.Unix(2, 0)}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := fastDir(t)
			w := newWorld(t, dir, tt.change)
			w.Add(w.packet(7, 99, 60))
			w.tick() // the name is known
			tt.add(w)
			w.tick()
			w.stop()
			res, r := mustFind(t, dir, &Query{Keys: []uint64{info(7, 1).Key}})
			done, err := r.Copy(t.Context(), io.Discard, res, CopyOptions{})
			check(t, err)
			if len(done.Cuts) != len(tt.want) {
				t.Fatalf("cuts = %+v; want %+v", done.Cuts, tt.want)
			}
			for i, want := range tt.want {
				got := done.Cuts[i]
				if got.Why != want.Why || got.Packets != want.Packets || got.Packets != done.Cut {
					t.Errorf("cut %+v of %d; want %+v", got, done.Cut, want)
				}
				if !want.First.IsZero() && (got.Last.Sub(got.First) != time.Second || got.First.Before(time.Unix(0, t0).Add(time.Second))) {
					t.Errorf("cut from %v to %v; want the times of the packets", got.First, got.Last)
				}
			}
		})
	}
}
