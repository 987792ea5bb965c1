package packetstore

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestLinks holds that links in the store lead nowhere: nothing is written or removed
// through them, and nothing is read.
func TestLinks(t *testing.T) {
	t.Parallel()
	dir, outside := fastDir(t), fastDir(t)
	w := newWorld(t, dir, nil)
	w.add(7, 1, 10, 100)
	w.tick()
	w.stop()
	sealed := segments(t, dir)[0]
	check(t, os.CopyFS(filepath.Join(outside, "work"), os.DirFS(filepath.Dir(sealed))))
	check(t, os.RemoveAll(filepath.Dir(sealed)))
	check(t, os.Symlink(filepath.Join(outside, "work"), filepath.Join(dir, "work")))
	before := listing(t, outside)
	w = newWorld(t, dir, func(c *Config) { c.MaxBytes = 1 })
	w.add(7, 1, 10, 100)
	w.tick()
	w.Gone(7)
	w.tick()
	w.stop()
	if after := listing(t, outside); after != before {
		t.Errorf("outside of the store were\n%s; now there are\n%s", before, after)
	}
	check(t, os.Remove(filepath.Join(dir, "work")))
	check(t, os.Mkdir(filepath.Join(dir, "work"), 0o700))
	check(t, os.Symlink(filepath.Join(outside, "work", filepath.Base(sealed)), sealed))
	res, _ := mustFind(t, dir, &Query{})
	for _, p := range res.parts {
		if !p.open {
			t.Errorf("%s is read through a link", p.name)
		}
	}
}

// listing returns all names below a folder.
func listing(tb testing.TB, dir string) string {
	tb.Helper()
	var all []string
	check(tb, filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		all = append(all, path)
		return err
	}))
	return strings.Join(all, "\n")
}

// TestEvict_names holds that only what the store has made is removed, by its exact name.
func TestEvict_names(t *testing.T) {
	t.Parallel()
	dir := fastDir(t)
	w := newWorld(t, dir, nil)
	w.add(7, 1, 10, 100)
	w.stop()
	sealed := segments(t, dir)[0]
	others := []string{sealed + "x", sealed + ".bak", filepath.Join(filepath.Dir(sealed), "notes with spaces *"), filepath.Join(dir, "README"), filepath.Join(dir, "chain.log.bak")}
	for _, path := range others {
		check(t, os.WriteFile(path, []byte("x"), 0o600))
	}
	w = newWorld(t, dir, func(c *Config) { c.MaxAge = time.Hour })
	w.now = w.now.Add(2 * time.Hour)
	w.tick()
	w.stop()
	if _, err := os.Stat(sealed); err == nil || w.c.evictedAge != 1 {
		t.Errorf("%s is there, %d segments evicted; want it gone for its age", sealed, w.c.evictedAge)
	}
	for _, path := range others {
		if _, err := os.Stat(path); err != nil {
			t.Errorf("%v; it is not the store's", err)
		}
	}
}

// TestClock holds that a clock that is set removes nothing for its age until the next look.
func TestClock(t *testing.T) {
	t.Parallel()
	dir := fastDir(t)
	up := time.Hour
	w := newWorld(t, dir, func(c *Config) {
		c.MaxAge = 24 * time.Hour
		c.uptime = func() time.Duration { return up }
	})
	w.add(7, 1, 10, 100)
	w.tick()
	w.Gone(7)
	w.tick()
	for _, jump := range []time.Duration{20 * 365 * 24 * time.Hour, -30 * 365 * 24 * time.Hour, 10 * 365 * 24 * time.Hour} {
		for range 3 { // the machine's own clock says that the packets are new
			w.now, jump = w.now.Add(jump), time.Minute
			up += time.Minute
			w.tick()
		}
	}
	if w.c.evictedAge > 0 {
		t.Errorf("%d segments were removed because the clock was set", w.c.evictedAge)
	}
	w.stop()
	now := w.now
	w = newWorld(t, dir, func(c *Config) {
		c.MaxAge = 24 * time.Hour
		c.uptime = func() time.Duration { return up }
	})
	w.now = now
	w.tick() // of a segment of an earlier start nothing but the step is known
	w.now = w.now.Add(100 * 365 * 24 * time.Hour)
	w.tick()
	if w.c.evictedAge > 0 {
		t.Error("a segment of an earlier start was removed right after the clock was set")
	}
	w.now = w.now.Add(time.Hour)
	up += time.Hour
	w.tick()
	if w.c.evictedAge != 1 {
		t.Errorf("%d segments were removed for their age; want 1", w.c.evictedAge)
	}
	w.stop()
}

// FuzzStore gives every reader a hostile chain, segment, open segment and index: none
// panics, and what is left is a store that works.
func FuzzStore(f *testing.F) {
	dir := f.TempDir()
	w := newWorld(f, dir, nil)
	w.add(7, 1, 3, 60)
	w.tick()
	open, err := os.ReadFile(segments(f, dir)[0])
	check(f, err)
	w.stop()
	read := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join(dir, name))
		check(f, err)
		return b
	}
	const name = "work/3f9a1c04-000001-20270115T080000Z"
	f.Add(read(chainName), read(name+".pcapng"), read(name+".idx"), open)
	f.Fuzz(func(t *testing.T, chain, segment, index, open []byte) {
		dir := fastDir(t)
		check(t, os.Mkdir(filepath.Join(dir, "work"), 0o700))
		for path, b := range map[string][]byte{chainName: chain, name + ".pcapng": segment, name + ".idx": index, ".open-vif7.0-3f9a1c04-000002.pcapng": open} {
			check(t, os.WriteFile(filepath.Join(dir, path), b, 0o600))
		}
		readEverything(t, dir)
		real, err := openFolder(dir)
		check(t, err)
		check(t, real.Close())
		s, err := Open(Config{Dir: dir, Names: func(uint32, time.Time) (Holder, bool) { return Holder{}, false }})
		if err != nil { // a chain with an endless line
			return
		}
		check(t, s.Close())
		readEverything(t, dir)
	})
}

func readEverything(t *testing.T, dir string) {
	r, err := OpenReader(dir)
	check(t, err)
	defer r.Close()
	_, _ = r.Status()
	_, _ = r.Verify(context.Background())
	for _, q := range []*Query{{}, {Keys: []uint64{info(7, 1).Key}}, {Flows: []*FlowInfo{info(7, 1)}}, {From: time.Unix(0, t0), To: time.Unix(0, t0+1e9)}} {
		res, err := r.Find(context.Background(), q)
		check(t, err)
		var out bytes.Buffer
		_, err = r.Copy(context.Background(), io.MultiWriter(&out), res, CopyOptions{Limit: 1 << 20})
		check(t, err)
	}
}
