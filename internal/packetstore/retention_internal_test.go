package packetstore

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// shelfOf returns what a qube has, of n segments of 10 bytes each.
func shelfOf(folder string, n int, l Limits) holding {
	h := holding{folder: folder, limits: l}
	for i := range n {
		h.segs = append(h.segs, known{folder: folder, bytes: 10, last: int64(i)})
		h.bytes += 10
	}
	return h
}

// spared returns a holding that is watched.
func spared(h holding) holding {
	h.spared = true
	return h
}

func TestChoose(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		all    []holding
		bounds bounds
		want   string
	}{
		{"all fits", []holding{shelfOf("a", 3, Limits{}), shelfOf("b", 9, Limits{})}, bounds{most: 120}, ""},
		{"the noisy one loses its own", []holding{shelfOf("a", 3, Limits{}), shelfOf("b", 9, Limits{})}, bounds{most: 90}, "b max_bytes b max_bytes b max_bytes "},
		{"by weight", []holding{shelfOf("a", 6, Limits{}), shelfOf("b", 9, Limits{Weight: 3})}, bounds{most: 130}, "a max_bytes a max_bytes "},
		{"reserve", []holding{shelfOf("a", 3, Limits{}), shelfOf("b", 9, Limits{Reserve: 90})}, bounds{most: 100}, "a max_bytes a max_bytes "},
		{"watched, and first", []holding{spared(shelfOf("a", 9, Limits{})), shelfOf("b", 3, Limits{})}, bounds{most: 80}, "b max_bytes b max_bytes b max_bytes a max_bytes "},
		{"watched", []holding{shelfOf("a", 3, Limits{}), spared(shelfOf("b", 9, Limits{}))}, bounds{most: 80}, "a max_bytes a max_bytes a max_bytes b max_bytes "},
		{"quota", []holding{shelfOf("a", 3, Limits{Quota: 10}), shelfOf("b", 9, Limits{})}, bounds{most: 1000}, "a quota a quota "},
		{"age first", []holding{shelfOf("a", 3, Limits{}), shelfOf("b", 4, Limits{})}, bounds{most: 50, old: func(k *known) bool { return k.last < 1 }}, "a age b age "},
		{"the file system", []holding{shelfOf("a", 3, Limits{}), shelfOf("b", 4, Limits{})}, bounds{most: 1000, lacking: 11}, "b min_free a min_free "},
		{"too many segments", []holding{shelfOf("a", 3, Limits{})}, bounds{most: 1000, segments: 1}, "a segments "},
		{"nothing is left", []holding{shelfOf("a", 1, Limits{})}, bounds{most: -1}, "a max_bytes "},
		{"all is reserved", []holding{shelfOf("a", 3, Limits{Reserve: 30})}, bounds{most: 10}, ""},
	} {
		for _, h := range tt.all {
			tt.bounds.total += h.bytes
		}
		got := ""
		for _, v := range choose(tt.all, tt.bounds) {
			got += v.folder + " " + v.reason + " "
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: mismatch (-want +got):\n%s", tt.name, diff)
		}
	}
}

// FuzzChoose holds, for any qubes: afterwards all fits, or nothing more may be removed; no
// quota is exceeded while there is something to remove; nothing is taken below a reserve
// for space; and of two qubes that may lose something, the heavier one does. So one that
// stores much costs others nothing that is not more than their own share.
func FuzzChoose(f *testing.F) {
	f.Add(uint64(1), uint8(3))
	f.Fuzz(func(t *testing.T, seed uint64, n uint8) {
		r := rand.New(rand.NewPCG(seed, 1))
		var all []holding
		b := bounds{lacking: r.Int64N(300) - 200}
		for i := range n % 12 {
			l := Limits{Quota: r.Int64N(3) * 50, Reserve: r.Int64N(3) * 40, Weight: float64(r.IntN(4))}
			all = append(all, shelfOf(fmt.Sprint(i), r.IntN(30), l))
			all[i].bytes += r.Int64N(20) // open
			all[i].spared = r.IntN(4) == 0
			b.total += all[i].bytes
		}
		b.most = r.Int64N(b.total + 1)
		checkChoice(t, all, b)
	})
}

func checkChoice(t *testing.T, all []holding, b bounds) {
	left := map[string]*holding{}
	for i := range all {
		h := all[i]
		left[h.folder] = &h
	}
	total, lacking := b.total, b.lacking
	eligible := func(h *holding) bool { return len(h.segs) > 0 && h.bytes > h.limits.Reserve }
	for _, v := range choose(all, b) {
		h := left[v.folder]
		switch v.reason {
		case forQuota:
			if h.limits.Quota == 0 || h.bytes <= h.limits.Quota {
				t.Fatalf("%s loses a segment for a quota that it keeps", v.folder)
			}
		case forBytes, forFree, forCount:
			if !eligible(h) || total <= b.most && lacking <= 0 {
				t.Fatalf("%s loses a segment of its reserve, or without need", v.folder)
			}
			for _, o := range left {
				if eligible(o) && o.before(h) {
					t.Fatalf("%s loses a segment, although %s has more, or is not watched", v.folder, o.folder)
				}
			}
		}
		n := h.segs[0].bytes
		h.segs, h.bytes = h.segs[1:], h.bytes-n
		total, lacking = total-n, lacking-n
	}
	for _, h := range left {
		if h.limits.Quota > 0 && h.bytes > h.limits.Quota && len(h.segs) > 0 {
			t.Fatalf("%s is above its quota", h.folder)
		}
		if (total > b.most || lacking > 0) && eligible(h) {
			t.Fatalf("%s could lose more, and must", h.folder)
		}
	}
}

// TestStore_noisy holds that a qube that stores ten times its quota leaves the oldest
// segment of another where it is, and that the quota counts what earlier starts stored.
func TestStore_noisy(t *testing.T) {
	t.Parallel()
	dir := fastDir(t)
	limits := func(c *Config) {
		c.Segment.Bytes, c.MaxBytes = 1<<20, 12<<20
		c.Limits = func(qube string) Limits { return map[string]Limits{"work": {Quota: 4 << 20}}[qube] }
	}
	w := newWorld(t, dir, limits)
	w.add(8, 1, 2, 500)
	for range 3 {
		for range 20 {
			w.add(7, 2, 500, 1496)
			w.tick()
		}
		w.stop()
		w.added = 0
		w = newWorld(t, dir, limits)
	}
	w.stop()
	r, err := OpenReader(dir)
	check(t, err)
	defer r.Close()
	st, err := r.Status()
	check(t, err)
	if len(st.Qubes) != 2 || st.Qubes[0].Packets != 2 || st.Qubes[1].Bytes > 5<<20 || st.Qubes[1].Bytes < 2<<20 {
		t.Errorf("status = %+v; want 2 packets of personal, and 4 MiB of work at most", st.Qubes)
	}
	verified(t, dir)
}
