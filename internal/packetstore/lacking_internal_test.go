package packetstore

import (
	"io"
	"net/netip"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/flow"
)

// copied finds and copies the packets of a query, and returns what both say.
func copied(tb testing.TB, dir string, q *Query) (*Result, Copied) {
	tb.Helper()
	r, err := OpenReader(dir)
	check(tb, err)
	defer r.Close()
	res, err := r.Find(tb.Context(), q)
	check(tb, err)
	done, err := r.Copy(tb.Context(), io.Discard, res, CopyOptions{})
	check(tb, err)
	return res, done
}

// flipped changes a byte of a segment's index.
func flipped(tb testing.TB, segment string, at int64) {
	tb.Helper()
	path := indexName(segment)
	b, err := os.ReadFile(path)
	check(tb, err)
	b[at] ^= 1
	check(tb, os.WriteFile(path, b, 0o600))
}

// TestReader_lacking holds that all packets are copied if indexes are missing or damaged, of
// all segments or of one.
func TestReader_lacking(t *testing.T) {
	t.Parallel()
	origin := fastDir(t)
	w := newWorld(t, origin, nil)
	for i := range 3 {
		w.add(7, uint64(i), 10, 300)
		w.Gone(7)
		w.tick()
	}
	w.stop()
	for name, do := range map[string]func(segs []string){
		"all are missing":   func(segs []string) { eachOf(segs, func(s string) { check(t, os.Remove(indexName(s))) }) },
		"all are damaged":   func(segs []string) { eachOf(segs, func(s string) { flipped(t, s, 20) }) },
		"the first missing": func(segs []string) { check(t, os.Remove(indexName(segs[0]))) },
		"the last damaged":  func(segs []string) { flipped(t, segs[2], 20) },
	} {
		dir := copyDir(t, origin)
		do(segments(t, dir))
		if _, done := copied(t, dir, &Query{Qube: "work"}); done.Packets != 30 || done.OtherLink != 0 || len(done.Damaged) > 0 {
			t.Errorf("%s: %+v; want 30 packets", name, done)
		}
	}
}

func eachOf(all []string, do func(string)) {
	for _, one := range all {
		do(one)
	}
}

// TestReader_tables holds that damage in any part of an index is noticed by the queries that
// read it, which find all packets in the segment, and that Repair makes such an index again.
func TestReader_tables(t *testing.T) {
	t.Parallel()
	origin := fastDir(t)
	w := newWorld(t, origin, nil)
	start := w.now
	for i := range 40 {
		w.add(7, uint64(i), 5, 300)
	}
	w.stop()
	f := info(7, 17)
	r := flow.Record{Family: 4, Proto: 17, Source: flow.Endpoint{Addr: [16]byte{10, 137, 0, 7}, Port: 17}, Destination: flow.Endpoint{Addr: [16]byte{10, 139, 0, 0}, Port: 53}}
	queries := []struct {
		name  string
		q     Query
		want  uint64
		parts []int
	}{
		{"key", Query{Keys: []uint64{f.Key}, Flows: []*FlowInfo{f}}, 5, []int{keysPart, flowsPart}},
		{"Community ID", Query{CommunityIDs: []string{r.CommunityID(0)}}, 5, []int{keysPart, idsPart, flowsPart}},
		{"end", Query{Ends: []End{{netip.AddrPortFrom(f.Source, f.SourcePort), 17}}}, 5, []int{keysPart, idsPart, marksPart, flowsPart}},
		{"time", Query{From: start.Add(100 * time.Microsecond)}, 100, []int{marksPart}},
	}
	for part := keysPart; part <= flowsPart; part++ {
		dir := copyDir(t, origin)
		seg := segments(t, dir)[0]
		damage(t, seg, part)
		for _, tt := range queries {
			res, done := copied(t, dir, &tt.q)
			if noticed := len(res.Unreadable) == 1; done.Packets != tt.want || noticed != slices.Contains(tt.parts, part) {
				t.Errorf("part %d, by %s: %d packets, %v; want %d", part, tt.name, done.Packets, res.Unreadable, tt.want)
			}
		}
		if done, err := Repair(dir); done.Repaired != 1 || done.Damaged != 0 || len(done.Changed) > 0 || err != nil {
			t.Errorf("part %d: Repair = %+v, %v; want one index made again", part, done, err)
		}
		for _, tt := range queries {
			if res, done := copied(t, dir, &tt.q); done.Packets != tt.want || len(res.Unreadable) > 0 {
				t.Errorf("part %d, by %s: %d packets after the repair, %v; want %d", part, tt.name, done.Packets, res.Unreadable, tt.want)
			}
		}
	}
}

// damage changes every entry in a part of an index.
func damage(tb testing.TB, segment string, part int) {
	tb.Helper()
	b, err := os.ReadFile(indexName(segment))
	check(tb, err)
	var h indexHead
	check(tb, h.parse(b, int64(len(b))))
	at := h.partAt()
	for i := at[part]; i < at[part+1]; i += 4 {
		b[i] ^= 1
	}
	check(tb, os.WriteFile(indexName(segment), b, 0o600))
}

// TestReader_backward holds that a query with a begin finds all packets although the clock
// went back while they came.
func TestReader_backward(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := newWorld(t, dir, nil)
	from, want := w.now.Add(16*time.Second), uint64(0)
	put := func(n int, step time.Duration) {
		for range n {
			if !w.now.Before(from) {
				want++
			}
			w.add(7, 1, 1, 1400)
			w.now = w.now.Add(step)
		}
	}
	put(30, 2*time.Second)
	w.now = w.now.Add(-50 * time.Second)
	put(400, 10*time.Millisecond)
	w.stop()
	if res, done := copied(t, dir, &Query{From: from}); done.Packets != want || res.Segments != 1 {
		t.Errorf("%d packets of %d segments; want %d of one", done.Packets, res.Segments, want)
	}
}

// TestResult_Lost holds that a result says how many packets were not stored, and which segments
// are gone.
func TestResult_Lost(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := newWorld(t, dir, nil)
	for range 20_000 { // more than there is memory for, as nothing is written
		w.Add(w.packet(7, 1, 1400))
	}
	w.add(8, 2, 10, 300)
	w.stop()
	lost := w.c.lostMemory.packets
	res, _ := copied(t, dir, &Query{})
	if res.Lost != lost || lost == 0 {
		t.Errorf("Lost = %d; want %d", res.Lost, lost)
	}
	r, err := OpenReader(dir)
	check(t, err)
	defer r.Close()
	_, err = r.Forget("personal", "a reason")
	check(t, err)
	all, err := r.Find(t.Context(), &Query{Qube: "work"})
	check(t, err)
	if lines, err := r.Gone(all); len(lines) > 0 || err != nil {
		t.Errorf("Gone = %v, %v; want none of work", lines, err)
	}
	for range 2 {
		more, err := r.Find(t.Context(), &Query{Qube: "personal"})
		check(t, err)
		all.Add(more)
	}
	if lines, err := r.Gone(all); len(lines) != 1 || err != nil || all.Lost != lost {
		t.Errorf("Gone = %v, %v, Lost = %d; want that of personal once, and %d", lines, err, all.Lost, lost)
	}
}
