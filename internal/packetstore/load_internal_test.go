package packetstore

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestLoad_lacking holds that a segment whose index is missing, and cannot be made now, is as old as its name
// says: it is not removed for its age.
func TestLoad_lacking(t *testing.T) {
	t.Parallel()
	dir := fastDir(t)
	w := newWorld(t, dir, nil)
	w.sealed(10, 100)
	w.stop()
	indexes, err := filepath.Glob(filepath.Join(dir, "work/*"+indexSuffix))
	check(t, err)
	for _, path := range indexes {
		check(t, os.Remove(path))
	}
	w, _ = newFaulty(t, dir, func(call, name string) error {
		if call == "create" && strings.Contains(name, indexSuffix) {
			return unix.ENOSPC
		}
		return nil
	}, func(c *Config) { c.MaxAge = 24 * time.Hour })
	w.turn(true)
	if w.c.damaged != 5 || w.c.evicted.packets+w.c.evictedAge > 0 {
		t.Errorf("%d segments have no index, %d were removed; want 5 and none", w.c.damaged, w.c.evictedAge)
	}
	check(t, w.finish())
	w = newWorld(t, dir, func(c *Config) {
		c.MaxAge = 24 * time.Hour
		c.Now = func() time.Time { return time.Unix(0, t0).Add(48 * time.Hour) }
	})
	w.turn(true)
	if w.c.evictedAge != 5 {
		t.Errorf("%d segments were removed a day later; want 5", w.c.evictedAge)
	}
	check(t, w.finish())
}

// TestSweep_alone holds that an index without a segment is removed, with the folder of its qube, also where
// the qube has no other file, and that what is not the store's stays.
func TestSweep_alone(t *testing.T) {
	t.Parallel()
	dir := fastDir(t)
	for _, name := range []string{"gone/3f9a1c04-000001-20270115T080000Z.idx", "gone/3f9a1c04-000002-20270115T080000Z.idx.tmp",
		"notes/3f9a1c04-000001-20270115T080000Z.idx", "notes/mine.txt"} {
		path := filepath.Join(dir, name)
		check(t, os.MkdirAll(filepath.Dir(path), 0o700))
		check(t, os.WriteFile(path, nil, 0o600))
	}
	w := newWorld(t, dir, nil)
	got, err := filepath.Glob(filepath.Join(dir, "*/*"))
	check(t, err)
	if len(got) != 1 || filepath.Base(got[0]) != "mine.txt" {
		t.Errorf("%v are left; want mine.txt", got)
	}
	if _, err := os.Stat(filepath.Join(dir, "gone")); err == nil {
		t.Error("the empty folder is left")
	}
	w.stop()
}
