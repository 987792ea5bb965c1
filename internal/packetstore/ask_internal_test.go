package packetstore

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/flow"
)

// TestStore_Forget removes what there is of one qube, what is being filled included, and
// says so in the chain.
func TestStore_Forget(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := newWorld(t, dir, nil)
	w.add(7, 1, 10, 500)
	w.add(8, 2, 10, 500)
	w.tick()
	type answer struct {
		n   int
		err error
	}
	done := make(chan answer)
	go func() {
		n, err := w.Forget(t.Context(), "work", "asked for")
		done <- answer{n, err}
	}()
	<-w.wake
	w.turn(false)
	if a := <-done; a.n != 1 || a.err != nil {
		t.Errorf("Forget = %d, %v; want 1", a.n, a.err)
	}
	w.stop()
	r, err := OpenReader(dir)
	check(t, err)
	defer r.Close()
	st, err := r.Status()
	check(t, err)
	if len(st.Qubes) != 1 || st.Qubes[0].Qube != "personal" || w.c.forgotten != 1 {
		t.Errorf("Qubes = %+v, forgotten %d; want personal only, 1", st.Qubes, w.c.forgotten)
	}
	if v, err := r.Verify(t.Context()); err != nil || len(v.Problems) > 0 {
		t.Errorf("Verify = %+v, %v", v, err)
	}
	if _, err := w.Forget(context.Background(), "personal", ""); !errors.Is(err, errStopped) {
		t.Errorf("Forget = %v when the store is stopped; want %v", err, errStopped)
	}
}

// TestLimits_Forget removes what is to be forgotten when ages are looked at, whatever the
// reserve is, and leaves the rest.
func TestLimits_Forget(t *testing.T) {
	t.Parallel()
	gone := false
	w := newWorld(t, t.TempDir(), func(c *Config) {
		c.Limits = func(qube string) Limits { return Limits{Forget: gone && qube == "work", Reserve: 1 << 40} }
	})
	w.add(7, 1, 10, 500)
	w.add(8, 2, 10, 500)
	w.Gone(7)
	w.Gone(8)
	w.tick()
	if w.w.catalog.count != 2 {
		t.Fatalf("%d segments; want 2", w.w.catalog.count)
	}
	gone = true
	w.now = w.now.Add(ageEvery)
	w.tick()
	if w.w.catalog.count != 1 || w.w.catalog.shelves["work"] != nil || w.c.forgotten != 1 {
		t.Errorf("%d segments, %d forgotten; want personal's only", w.w.catalog.count, w.c.forgotten)
	}
	w.stop()
}

// TestAdd_kept notes in the flow what happened to its packets, and asks for its name once
// in a segment.
func TestAdd_kept(t *testing.T) {
	t.Parallel()
	w := newWorld(t, t.TempDir(), func(c *Config) { c.FlowLimit = 2000 })
	asked := 0
	add := func(id uint64) flow.Kept {
		p := w.packet(7, id, 1000)
		name := p.Flow
		p.Flow, p.Describe = nil, func(f *FlowInfo) { asked++; *f = *name }
		w.Add(p)
		return p.Account.Kept()
	}
	if k := add(1); k != (flow.Kept{Written: 1, First: 1, Last: 1}) {
		t.Errorf("Kept = %+v; want one packet", k)
	}
	for range 5 {
		add(1)
	}
	if k := add(1); k.Written+k.Cut != 7 || k.Cut == 0 || k.Written < 2 || asked != 1 {
		t.Errorf("Kept = %+v above the limit, asked %d times; want 7 packets, some cut, once", k, asked)
	}
	w.Gone(7)
	if k := add(1); asked != 2 || k.First != 1 || k.Last != 2 {
		t.Errorf("asked %d times in two segments: %+v; want twice, and both named", asked, k)
	}
	w.tick()
	w.level = levelFull
	if k := add(3); k != (flow.Kept{Lost: 1}) {
		t.Errorf("Kept = %+v on a full disk; want it lost", k)
	}
	w.level = levelRunning
	w.stop()
}

// TestReader_Removed says of which segments of a time nothing is left.
func TestReader_Removed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := newWorld(t, dir, nil)
	begin := w.now
	for range 3 {
		w.add(7, 1, 10, 500)
		w.add(8, 2, 10, 500)
		w.Gone(7)
		w.Gone(8)
		w.tick()
		w.now = w.now.Add(time.Hour)
	}
	w.stop()
	r, err := OpenReader(dir)
	check(t, err)
	defer r.Close()
	if lines, err := r.Removed("", time.Time{}, time.Time{}); err != nil || len(lines) > 0 {
		t.Errorf("Removed = %v, %v; want none yet", lines, err)
	}
	_, err = r.Forget("work", "a reason")
	check(t, err)
	for _, tt := range []struct {
		qube     string
		from, to time.Time
		want     int
	}{
		{"", time.Time{}, time.Time{}, 3}, {"work", time.Time{}, time.Time{}, 3}, {"personal", time.Time{}, time.Time{}, 0},
		{"work", begin.Add(time.Hour), time.Time{}, 2}, {"work", time.Time{}, begin.Add(time.Hour), 1}, {"work", begin.Add(10 * time.Hour), time.Time{}, 0},
	} {
		lines, err := r.Removed(tt.qube, tt.from, tt.to)
		if err != nil || len(lines) != tt.want {
			t.Errorf("Removed(%q, %v, %v) = %d lines, %v; want %d", tt.qube, tt.from, tt.to, len(lines), err, tt.want)
		}
		for _, l := range lines {
			if l.Event != Forgotten || l.Reason != "a reason" || Qube(l.Name) != "work" {
				t.Errorf("line = %+v; want one of work, with the reason", l)
			}
		}
	}
}

// TestAdd_burst stores all of a burst on an interface whose holder is known, although the
// writer has not seen its segment; of one whose holder is not, what fits into a chunk.
func TestAdd_burst(t *testing.T) {
	t.Parallel()
	w := newWorld(t, t.TempDir(), func(c *Config) { c.Memory = 64 << 20 })
	for range 100 {
		for _, iface := range []uint32{7, 99} {
			w.Add(w.packet(iface, uint64(iface), 60_000))
		}
	}
	if k := w.marks[7].Kept(); k.Written != 100 {
		t.Errorf("Kept of the known holder = %+v; want 100 packets", k)
	}
	if k := w.marks[99].Kept(); k.Cut == 0 || k.Written+k.Cut+k.Lost != 100 {
		t.Errorf("Kept of the unknown holder = %+v; want 100, some cut", k)
	}
	w.stop()
}
