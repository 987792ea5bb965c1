package packetstore

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestVerify holds that whatever is changed, added or removed behind the store's back is
// found, and what the store and its commands do is not.
func TestVerify(t *testing.T) {
	t.Parallel()
	origin := sealedStore(t, 4, 20)
	verified(t, origin)
	flip := func(path string, at int) {
		b, err := os.ReadFile(path)
		check(t, err)
		b[(at+len(b))%len(b)] ^= 1
		check(t, os.WriteFile(path, b, 0o600))
	}
	for _, tt := range []struct {
		name, want string
		do         func(dir string, segs []string)
	}{
		{"a packet is changed", "was changed since", func(_ string, segs []string) { flip(segs[3], 5000) }},
		{"a segment is cut", "bytes; it was sealed with", func(_ string, segs []string) { check(t, os.Truncate(segs[3], 8192)) }},
		{"an index is changed", "the index of", func(_ string, segs []string) { flip(strings.TrimSuffix(segs[3], ".pcapng")+".idx", -1) }},
		{"a segment is removed", "is missing", func(_ string, segs []string) { check(t, os.Remove(segs[3])) }},
		{"a segment is added", "was added", func(_ string, segs []string) {
			check(t, os.Link(segs[3], strings.Replace(segs[3], "3f9a1c04", "3f9a1c05", 1)))
		}},
		{"a line is changed", "does not follow", func(dir string, _ []string) {
			path := filepath.Join(dir, chainName)
			b, err := os.ReadFile(path)
			check(t, err)
			check(t, os.WriteFile(path, []byte(strings.Replace(string(b), `"packets":20`, `"packets":21`, 1)), 0o600))
		}},
		{"a line is removed", "does not follow", func(dir string, _ []string) {
			path := filepath.Join(dir, chainName)
			b, err := os.ReadFile(path)
			check(t, err)
			_, rest, _ := strings.Cut(string(b), "\n")
			first, _, _ := strings.Cut(rest, "\n")
			check(t, os.WriteFile(path, []byte(strings.Replace(string(b), first+"\n", "", 1)), 0o600))
		}},
		{"a line is no JSON", "cannot be read", func(dir string, _ []string) {
			f, err := os.OpenFile(filepath.Join(dir, chainName), os.O_APPEND|os.O_WRONLY, 0)
			check(t, err)
			_, err = f.WriteString("\x1b[2J\n")
			check(t, err)
			check(t, f.Close())
		}},
	} {
		dir := copyDir(t, origin)
		tt.do(dir, segments(t, dir))
		r, err := OpenReader(dir)
		check(t, err)
		v, err := r.Verify(context.Background())
		check(t, err)
		if len(v.Problems) == 0 || !strings.Contains(strings.Join(v.Problems, "\n"), tt.want) {
			t.Errorf("%s: %q; want %q", tt.name, v.Problems, tt.want)
		}
		check(t, r.Close())
	}
}

// TestReader_manage holds what the commands do to a store that runs: keep, forget.
func TestReader_manage(t *testing.T) {
	t.Parallel()
	dir := fastDir(t)
	w := newWorld(t, dir, nil)
	w.add(7, 1, 20, 300)
	w.add(8, 2, 20, 300)
	w.tick()
	w.Gone(7)
	w.turn(false)
	r, err := OpenReader(dir)
	check(t, err)
	defer r.Close()
	res, err := r.Find(context.Background(), &Query{Keys: []uint64{info(7, 1).Key}})
	check(t, err)
	path, done, err := r.Keep(context.Background(), res, "case-12", "evidence\x1b[2J", 1<<20, CopyOptions{})
	check(t, err)
	if done.Packets != 20 || len(lines(t, filepath.Join(dir, path))) != 20 {
		t.Errorf("%+v are kept; want 20 packets", done)
	}
	for _, name := range []string{"../x", "case-12", ".x", ""} {
		if _, _, err := r.Keep(context.Background(), res, name, "", 1<<20, CopyOptions{}); err == nil {
			t.Errorf("Keep takes the name %q", name)
		}
	}
	if _, _, err := r.Keep(context.Background(), res, "more", "", 100, CopyOptions{}); err == nil {
		t.Error("Keep goes beyond its bound")
	}
	if n, err := r.Forget("work", "asked for"); n != 1 || err != nil {
		t.Errorf("Forget = %d, %v; want 1", n, err)
	}
	w.add(8, 2, 20, 300)
	w.Gone(8) // the chain goes on behind the lines of the command
	w.turn(false)
	st, err := r.Status()
	check(t, err)
	if len(st.Qubes) != 1 || st.Qubes[0].Qube != "personal" || !st.Running || st.Kept == 0 {
		t.Errorf("status = %+v", st)
	}
	w.stop()
	verified(t, dir)
	if _, err := os.Stat(filepath.Join(dir, path)); err != nil {
		t.Errorf("what was kept: %v", err)
	}
}
