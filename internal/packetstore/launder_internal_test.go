package packetstore

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// sealedStore returns the folder of a store with some segments of each of two qubes, of so many packets,
// that are all sealed.
func sealedStore(t *testing.T, segments, packets int) (dir string) {
	t.Helper()
	dir = fastDir(t)
	w := newWorld(t, dir, nil)
	for i := range segments {
		w.add(7, uint64(i), packets, 300)
		w.add(8, uint64(i), packets, 300)
		w.tick()
		w.Gone(7)
		w.Gone(8)
		w.turn(false)
	}
	w.stop()
	return dir
}

// overwrite changes bytes of a file.
func overwrite(t *testing.T, path string, at int64) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	check(t, err)
	_, err = f.WriteAt([]byte("EVIL"), at)
	check(t, err)
	check(t, f.Close())
}

// problems returns what Verify finds.
func problems(t *testing.T, dir string) *Verification {
	t.Helper()
	r, err := OpenReader(dir)
	check(t, err)
	defer r.Close()
	v, err := r.Verify(context.Background())
	check(t, err)
	return v
}

// TestVerify_repaired holds that no repair, start or compression makes a segment whole that was
// changed since it was sealed, and that the repair says so; and that an index that is made again is
// no fault.
func TestVerify_repaired(t *testing.T) {
	t.Parallel()
	origin := sealedStore(t, 2, 50)
	all := 4
	for _, tt := range []struct {
		name, want string
		do         func(seg string)
		intact     bool
	}{
		{"the index is removed", "", func(seg string) { check(t, os.Remove(noSuffix(seg)+".idx")) }, true},
		{"bytes are changed", "was changed", func(seg string) {
			overwrite(t, seg, 6000)
			check(t, os.Remove(noSuffix(seg)+".idx"))
		}, false},
		{"bytes are appended", "had ", func(seg string) {
			f, err := os.OpenFile(seg, os.O_APPEND|os.O_WRONLY, 0)
			check(t, err)
			_, err = f.WriteString("EVIL")
			check(t, err)
			check(t, f.Close())
		}, false},
		{"it is cut", "had ", func(seg string) {
			check(t, os.Truncate(seg, 8192))
			check(t, os.Remove(noSuffix(seg)+".idx"))
		}, false},
		{"it is added", "no line of it", func(seg string) {
			check(t, os.Link(seg, strings.Replace(seg, "3f9a1c04", "3f9a1c05", 1)))
		}, false},
		{"it is open again, and changed", "had ", func(seg string) {
			overwrite(t, seg, 6000)
			check(t, os.Remove(noSuffix(seg)+".idx"))
			boot, seq, _ := sequence(filepath.Base(seg))
			check(t, os.Rename(seg, filepath.Join(filepath.Dir(filepath.Dir(seg)), openName("vif7.0", boot, seq))))
		}, false},
		{"it is open again", "", func(seg string) {
			check(t, os.Remove(noSuffix(seg)+".idx"))
			boot, seq, _ := sequence(filepath.Base(seg))
			check(t, os.Rename(seg, filepath.Join(filepath.Dir(filepath.Dir(seg)), openName("vif7.0", boot, seq))))
		}, true},
	} {
		dir := copyDir(t, origin)
		tt.do(segments(t, dir)[3])
		before := problems(t, dir)
		if len(before.Problems) == 0 {
			t.Errorf("%s: nothing is found", tt.name)
		}
		done, err := Repair(dir)
		check(t, err)
		if tt.intact != (len(done.Changed) == 0) || done.Damaged > 0 {
			t.Errorf("%s: the repair says %+v", tt.name, done)
		}
		v := problems(t, dir)
		text := strings.Join(v.Problems, "\n")
		switch {
		case tt.intact:
			if text != "" || v.Segments != all {
				t.Errorf("%s: after the repair, %d segments are whole: %s", tt.name, v.Segments, text)
			}
		case len(v.Problems) == 0 || !strings.Contains(text, tt.want) || !strings.Contains(text, "repaired on") || v.Segments > all:
			t.Errorf("%s: after the repair: %s; want %q", tt.name, text, tt.want)
		}
		w := newWorld(t, dir, nil)
		w.stop()
		if again := problems(t, dir); strings.Join(again.Problems, "\n") != text {
			t.Errorf("%s: after a start: %q; want %q", tt.name, again.Problems, text)
		}
	}
}

func noSuffix(seg string) string { return strings.TrimSuffix(seg, ".pcapng") }

// TestVerify_compressed holds that a segment that was changed is not compressed, which would give it
// a line of its own.
func TestVerify_compressed(t *testing.T) {
	t.Parallel()
	dir := sealedStore(t, 2, 50)
	seg := segments(t, dir)[3]
	overwrite(t, seg, 6000)
	w := newWorld(t, dir, compressing)
	w.packAll()
	w.stop()
	text := strings.Join(problems(t, dir).Problems, "\n")
	if _, err := os.Stat(seg); err != nil || !strings.Contains(text, "was changed since it was sealed") {
		t.Errorf("a segment that was changed: %v, %q", err, text)
	}
	if packed, _ := filepath.Glob(dir + "/*/*.zst"); len(packed) != 3 {
		t.Errorf("%d segments are compressed; want the 3 that are whole", len(packed))
	}
}

// TestVerify_crash holds that a crash is named only where it explains what is found.
func TestVerify_crash(t *testing.T) {
	t.Parallel()
	origin := sealedStore(t, 2, 50)
	for _, tt := range []struct {
		name  string
		crash int
		do    func(seg string)
	}{
		{"changed", 0, func(seg string) { overwrite(t, seg, 6000) }},
		{"removed", 0, func(seg string) { check(t, os.Remove(seg)) }},
		{"not named yet", 1, func(seg string) {
			boot, seq, _ := sequence(filepath.Base(seg))
			check(t, os.Rename(seg, filepath.Join(filepath.Dir(filepath.Dir(seg)), openName("vif7.0", boot, seq))))
		}},
		{"without its index", 1, func(seg string) { check(t, os.Remove(noSuffix(seg)+".idx")) }},
	} {
		dir := copyDir(t, origin)
		tt.do(segments(t, dir)[3])
		if v := problems(t, dir); len(v.Problems) != 1 || v.Crash != tt.crash {
			t.Errorf("%s: %q, of which a crash explains %d; want 1, %d", tt.name, v.Problems, v.Crash, tt.crash)
		}
	}
}

// TestVerify_kept holds that what is kept is covered by the chain as segments are, and what was
// kept before lines had digests is named.
func TestVerify_kept(t *testing.T) {
	t.Parallel()
	origin := sealedStore(t, 2, 50)
	r, err := OpenReader(origin)
	check(t, err)
	res, err := r.Find(context.Background(), &Query{Qube: "work"})
	check(t, err)
	path, done, err := r.Keep(context.Background(), res, "case-12", "evidence", 1<<20, CopyOptions{})
	check(t, err)
	check(t, r.Close())
	if v := problems(t, origin); len(v.Problems) > 0 || v.Kept != 1 || len(v.Notes) > 0 {
		t.Errorf("%+v; want one kept file that is whole", v)
	}
	if done.First < t0 || done.Last <= done.First {
		t.Errorf("copied from %d to %d", done.First, done.Last)
	}
	for _, tt := range []struct {
		name, want string
		notes      int
		do         func(path string)
	}{
		{"changed", "was changed since it was kept", 0, func(path string) { overwrite(t, path, 1000) }},
		{"appended to", "it was kept with", 0, func(path string) {
			f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
			check(t, err)
			_, err = f.WriteString("x")
			check(t, err)
			check(t, f.Close())
		}},
		{"removed", "is missing, and no line says why", 0, func(path string) { check(t, os.Remove(path)) }},
		{"added", "the chain has no line of it", 0, func(path string) { check(t, os.Link(path, filepath.Dir(path)+"/more.pcapng")) }},
		{"of an older version", "", 1, func(path string) {
			chain := filepath.Join(filepath.Dir(filepath.Dir(path)), chainName)
			b, err := os.ReadFile(chain)
			check(t, err)
			head, line, _ := strings.Cut(string(b), `"event":"kept"`)
			at := strings.Index(line, `"blake3"`)
			end := at + strings.Index(line[at:], ",") + 1
			check(t, os.WriteFile(chain, []byte(head+`"event":"kept"`+line[:at]+line[end:]), 0o600))
		}},
	} {
		dir := copyDir(t, origin)
		tt.do(filepath.Join(dir, path))
		v := problems(t, dir)
		if text := strings.Join(v.Problems, "\n"); tt.want == "" && text != "" || !strings.Contains(text, tt.want) || len(v.Notes) != tt.notes {
			t.Errorf("%s: %q, notes %q; want %q", tt.name, v.Problems, v.Notes, tt.want)
		}
	}
}

// TestVerify_foreign names what the store has not made.
func TestVerify_foreign(t *testing.T) {
	t.Parallel()
	dir := sealedStore(t, 2, 50)
	seg := segments(t, dir)[3]
	check(t, os.Symlink(seg, strings.Replace(seg, "3f9a1c04", "3f9a1c05", 1)))
	check(t, os.WriteFile(filepath.Join(filepath.Dir(seg), "notes\x1b.txt"), nil, 0o600))
	v := problems(t, dir)
	if len(v.Problems) != 1 || !strings.Contains(v.Problems[0], "is no regular file") || len(v.Notes) != 1 || !strings.Contains(v.Notes[0], "was not made by the store") {
		t.Errorf("problems %q, notes %q", v.Problems, v.Notes)
	}
}
