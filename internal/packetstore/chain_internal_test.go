package packetstore

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// openedChain opens the chain of a folder as a process of its own does.
func openedChain(tb testing.TB, dir string, do func(*Line)) *chain {
	tb.Helper()
	f, err := openFolder(dir)
	check(tb, err)
	tb.Cleanup(func() { _ = f.Close() })
	c, err := openChain(f, do)
	check(tb, err)
	return c
}

// TestChain_shared holds that a process that opens the chain does not cut off the line that another
// one writes meanwhile: unless the chain is locked, one is written just before the cut.
func TestChain_shared(t *testing.T) {
	t.Parallel()
	dir := fastDir(t)
	store := openedChain(t, dir, nil)
	check(t, store.append(&Line{Event: Sealed, Name: "work/x"}))
	real, err := openFolder(dir)
	check(t, err)
	path := filepath.Join(dir, chainName)
	other, err := openChain(&faulty{files: real, hang: func(call string) {
		if call == "truncate" && !locked(t, path) {
			check(t, store.append(&Line{Event: Sealed, Name: "work/y"}))
		}
	}}, nil)
	check(t, err)
	check(t, other.append(&Line{Event: Kept, Name: "kept/x"}))
	if err := store.append(&Line{Event: Sealed, Name: "work/z"}); err != nil {
		t.Errorf("append = %v", err)
	}
	check(t, errors.Join(other.close(), store.close(), real.Close()))
}

// locked reports whether a process has the lock of a file.
func locked(tb testing.TB, path string) bool {
	tb.Helper()
	f, err := os.Open(path)
	check(tb, err)
	defer f.Close()
	return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil
}

// TestChain_faults holds that a chain that cannot be made is an error, and one whose next file
// cannot be made is the chain of before, until it can.
func TestChain_faults(t *testing.T) {
	t.Parallel()
	for _, call := range []string{"create", "edit"} {
		dir := fastDir(t)
		fail := true
		real, err := openFolder(dir)
		check(t, err)
		f := &faulty{files: real, fail: func(c, name string) error {
			if fail && c == call && name == chainName {
				return unix.EMFILE
			}
			return nil
		}}
		_, err = Open(Config{Dir: dir, MinFree: 1, files: f, Names: func(uint32, time.Time) (Holder, bool) { return Holder{}, false }})
		if !errors.Is(err, unix.EMFILE) {
			t.Errorf("%s fails: Open = %v; want EMFILE", call, err)
		}
		fail = false
		c, err := openChain(f, nil)
		check(t, err)
		for i := range 3 {
			check(t, c.append(&Line{Event: Sealed, Name: "work/x"}))
			if fail = i == 0; i < 2 {
				if err := c.rotate(); (err != nil) != fail {
					t.Errorf("%s fails: %v: rotate = %v", call, fail, err)
				}
			}
		}
		check(t, errors.Join(c.close(), real.Close()))
		v := verifiedLines(t, dir)
		if v.Lines != 3 || len(v.Problems) > 0 {
			t.Errorf("%s has failed: %d lines, %q; want 3 and no problem", call, v.Lines, v.Problems)
		}
	}
}

// verifiedLines verifies both files of a chain.
func verifiedLines(tb testing.TB, dir string) *Verification {
	tb.Helper()
	r, err := OpenReader(dir)
	check(tb, err)
	defer r.Close()
	v := newVerification()
	check(tb, r.verifyChain(v, map[string]*Line{}))
	return v
}

// TestChain_long holds that a long line is damage of a line, wherever it is, and not of the chain.
func TestChain_long(t *testing.T) {
	t.Parallel()
	for _, before := range []int{0, 60_000, 64_000, 1<<16 - 1} {
		dir := fastDir(t)
		text := strings.Repeat("\n", before) + strings.Repeat("x", 9000) + "\n"
		check(t, os.WriteFile(filepath.Join(dir, chainName), []byte(text), 0o600))
		c := openedChain(t, dir, nil)
		check(t, c.append(&Line{Event: Sealed, Name: "work/x"}))
		check(t, c.close())
		if v := verifiedLines(t, dir); v.Lines != uint64(before)+2 {
			t.Errorf("behind %d lines, a long one and one more: %d lines", before, v.Lines)
		}
	}
}
