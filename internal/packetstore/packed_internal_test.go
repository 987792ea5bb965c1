package packetstore

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"
)

// TestReader_Verify_packed compares what was compressed or removed since the chain was read with
// what the chain says then.
func TestReader_Verify_packed(t *testing.T) {
	t.Parallel()
	dir := filled(t, func(c *Config) { c.Segment.Bytes = 1 << 20 })
	r, err := OpenReader(dir)
	check(t, err)
	defer r.Close()
	lines := map[string]*Line{}
	check(t, r.verifyChain(newVerification(), lines))
	w := newWorld(t, dir, compressing)
	w.packAll()
	first := w.w.catalog.shelves["work"].segs[0].name
	w.evict([]victim{{"work", forAge}})
	w.stop()
	v := newVerification()
	for round := range 2 {
		for name, l := range lines {
			check(t, r.verifyStored(t.Context(), v, name, l))               // listed before
			check(t, r.verifyStored(t.Context(), v, packedName(name), nil)) // and after
		}
		if want := 2 * (round + 1) * (len(lines) - 1); len(v.Problems) > 0 || v.Segments != want {
			t.Errorf("round %d: %d segments are well, %v; want %d, all but %s", round, v.Segments, v.Problems, want, first)
		}
		check(t, os.WriteFile(filepath.Join(dir, chainName), nil, 0o600)) // it was read again, and need not be for each
	}
}

// TestReader_WriteSegment_packed copies what was compressed since it was listed as it was, as
// `pcap export` does.
func TestReader_WriteSegment_packed(t *testing.T) {
	t.Parallel()
	dir := filled(t, func(c *Config) { c.Segment.Bytes = 1 << 20 })
	r, err := OpenReader(dir)
	check(t, err)
	defer r.Close()
	listed, err := r.Segments("", time.Time{}, time.Time{})
	check(t, err)
	copies := func() (all [][]byte) {
		for i := range listed {
			var b bytes.Buffer
			check(t, r.WriteSegment(t.Context(), &b, listed[i].Name))
			all = append(all, b.Bytes())
		}
		return all
	}
	want := copies()
	w := newWorld(t, dir, compressing)
	w.packAll()
	w.stop()
	if got := copies(); len(got) == 0 || !reflect.DeepEqual(got, want) {
		t.Errorf("%d segments are not the same bytes after they were compressed", len(got))
	}
	if packed, err := r.Segments("", time.Time{}, time.Time{}); err != nil || len(packed) != len(listed) || !isPacked(packed[0].Name) {
		t.Errorf("%d segments are listed then, %v; want %d compressed ones", len(packed), err, len(listed))
	}
}

// TestFolder_packing goes on in a new folder when the one in which a segment is being compressed
// was removed.
func TestFolder_packing(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(fastDir(t), "store")
	w := newWorld(t, dir, compressing)
	w.sealed(300, 1400)
	w.pack() // begins with one
	if w.packing().of.name == "" {
		t.Fatal("nothing is being compressed")
	}
	check(t, os.RemoveAll(dir))
	for range 3 {
		w.pack()
		w.sealed(300, 1400)
	}
	w.packAll()
	if w.level != levelRunning || w.c.compressed == 0 {
		t.Errorf("the store is %v, and has compressed %d segments; want those in the new folder", w.level, w.c.compressed)
	}
	w.stop()
	w = newWorld(t, dir, compressing)
	w.packAll()
	w.stop()
	verified(t, dir)
	if all := segments(t, dir); len(all) == 0 || slices.ContainsFunc(all, func(path string) bool { return !isPacked(path) }) {
		t.Errorf("%v is there; want compressed segments", all)
	}
}

// TestReadSeekTable_bound holds that a table has no more frames than a segment can have.
func TestReadSeekTable_bound(t *testing.T) {
	t.Parallel()
	dir := fastDir(t)
	files, err := openFolder(dir)
	check(t, err)
	defer files.Close()
	for n, want := range map[int]bool{maxSeekFrames: true, maxSeekFrames + 1: false} {
		frames := make([]packedFrame, n)
		for i := range frames {
			frames[i] = packedFrame{size: 1, n: 1}
		}
		check(t, os.WriteFile(filepath.Join(dir, "table"), appendSeekTable(make([]byte, n), frames), 0o600))
		f, err := files.Open("table")
		check(t, err)
		if got, err := readSeekTable(f); (err == nil) != want || want && len(got) != n || !want && !errors.Is(err, errTable) {
			t.Errorf("a table of %d frames: %d, %v; want it read: %t", n, len(got), err, want)
		}
		check(t, f.Close())
	}
}
