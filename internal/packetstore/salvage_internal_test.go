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

// TestSalvage_encrypted holds that what is left of an encrypted segment whose disk has faults stays
// that of its qube and its time, which its head says to who has the key only.
func TestSalvage_encrypted(t *testing.T) {
	t.Parallel()
	dir := fastDir(t)
	broken := false
	w, _ := newFaulty(t, dir, func(call, name string) error {
		if broken && call == "write" && strings.HasPrefix(name, openPrefix) {
			return unix.EIO
		}
		return nil
	}, encrypting)
	w.add(7, 1, 400, 1496)
	w.tick()
	broken = true
	w.add(7, 1, 400, 1496)
	w.tick()
	w.Gone(7)
	w.tick()
	broken = false
	w.stop()
	want := filepath.Join(dir, segmentName("work", w.conf.boot, 1, t0)) + ageSuffix
	if got := segments(t, dir); len(got) != 1 || got[0] != want {
		t.Errorf("segments are %v; want %s", got, want)
	}
	if res, done, _ := unlocked(t, dir, testKey().String(), &Query{Qube: "work", To: w.now}); done.Packets == 0 {
		t.Errorf("%+v: no packet is found", res)
	}
}

// TestRemoved removes files that are being filled, in many ways, and holds that what was written
// is in the files that are left, or was removed by the store, or is counted as lost.
func TestRemoved(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		paths string
		lost  bool
	}{
		{"the store", "", true},
		{"all that a shell lists in it", "*", false},
		{"an open file", openPrefix + "vif7.0*", true},
		{"the folder of a qube", "work", false},
		{"the chain", chainName, false},
		{"the lock", lockName, false},
	} {
		for _, change := range []func(*Config){nil, encrypting} {
			t.Run(tt.name, func(t *testing.T) {
				t.Parallel()
				testRemoved(t, tt.paths, tt.lost, change)
			})
		}
	}
}

func testRemoved(t *testing.T, paths string, lost bool, change func(*Config)) {
	dir := filepath.Join(fastDir(t), "store")
	w := newWorld(t, dir, change)
	w.sealed(10, 100)
	w.add(7, 1, 300, 1000)
	w.add(8, 2, 300, 1000)
	w.tick()
	found, err := filepath.Glob(filepath.Join(dir, paths))
	check(t, err)
	for _, path := range found {
		if paths != "*" || !strings.HasPrefix(filepath.Base(path), ".") {
			check(t, os.RemoveAll(path))
		}
	}
	w.tick()
	if _, err := os.Stat(filepath.Join(dir, lockName)); err != nil {
		t.Errorf("a flush later, others take the store for one that no process writes: %v", err)
	}
	w.add(7, 1, 20, 1000)
	w.tick()
	w.now = w.now.Add(time.Minute)
	w.tick()
	w.add(9, 3, 20, 1000)
	w.tick()
	w.stop()
	newWorld(t, dir, nil).stop()
	written, left := w.c.written.sum().packets, scanned(t, dir)+w.c.evicted.packets
	if change == nil && left != written || left < written {
		t.Errorf("%d packets are in the files or were removed; %d are counted as written", left, written)
	}
	if got := w.c.lostDisk.packets > 0; got != lost && change == nil {
		t.Errorf("%d packets are counted as lost; want any: %v", w.c.lostDisk.packets, lost)
	}
	if w.c.damaged > 0 {
		t.Errorf("%d segments are taken for damaged", w.c.damaged)
	}
}

// TestRemoved_silent holds that what somebody else has removed stays a problem: no line of the store,
// which would have removed it later or was asked to, says that it did.
func TestRemoved_silent(t *testing.T) {
	t.Parallel()
	for name, do := range map[string]func(*world){
		"above max_bytes": func(w *world) { w.conf.MaxBytes = 1; w.retain(false) },
		"too old":         func(w *world) { w.conf.MaxAge = time.Second; w.now = w.now.Add(5 * time.Hour); w.retain(true) },
		"forgotten": func(w *world) {
			if n, _, err := w.forget("work", "test", 9); n != 0 || err != nil {
				t.Errorf("forget = %d, %v; want none", n, err)
			}
		},
	} {
		dir := fastDir(t)
		w := newWorld(t, dir, nil)
		w.sealed(10, 100)
		for _, path := range segments(t, dir) {
			check(t, os.Remove(path))
		}
		do(w)
		if n := w.c.evicted.packets; n != 50 || w.w.catalog.count > 0 {
			t.Errorf("%s: %d packets are not there any more, %d files are taken to be there; want 50 and none", name, n, w.w.catalog.count)
		}
		if _, err := os.Stat(filepath.Join(dir, "work")); err == nil {
			t.Errorf("%s: the folder is left, with the indexes of what was removed", name)
		}
		w.stop()
		r, err := OpenReader(dir)
		check(t, err)
		if v, err := r.Verify(t.Context()); err != nil || len(v.Problems) != 5 {
			t.Errorf("%s: verify says %v, %v; want 5 files missing", name, v.Problems, err)
		}
		check(t, r.Close())
	}
}

// TestRepaired_age holds that what a crash has left is as old as its packets, not as its repair.
func TestRepaired_age(t *testing.T) {
	t.Parallel()
	dir := fastDir(t)
	w := newWorld(t, dir, nil)
	w.add(7, 1, 10, 100)
	w.tick()
	after := newWorld(t, copyDir(t, dir), func(c *Config) {
		c.MaxAge = 7 * 24 * time.Hour
		c.Now = func() time.Time { return time.Unix(0, t0).Add(8 * 24 * time.Hour) }
	})
	after.turn(true)
	if after.c.repaired != 1 || after.c.evictedAge != 1 {
		t.Errorf("%d segments are repaired, %d removed for their age; want 1 and 1", after.c.repaired, after.c.evictedAge)
	}
	after.stop()
	w.stop()
}

// TestRemoved_chain holds that a chain that somebody else has removed, cut or replaced is begun again where it
// ends: no packet is lost, what is stored afterwards is whole, and what was before is not.
func TestRemoved_chain(t *testing.T) {
	t.Parallel()
	for name, do := range map[string]func(path string) error{
		"removed": os.Remove,
		"emptied": func(path string) error { return os.Truncate(path, 0) },
		"replaced": func(path string) error {
			return errors.Join(os.Remove(path), os.WriteFile(path, nil, 0o600))
		},
	} {
		dir := fastDir(t)
		w := newWorld(t, dir, nil)
		w.sealed(10, 100)
		check(t, do(filepath.Join(dir, chainName)))
		w.tick()
		w.sealed(10, 100)
		w.stop()
		r, err := OpenReader(dir)
		check(t, err)
		v, err := r.Verify(t.Context())
		check(t, err)
		if v.Segments != 5 || len(v.Problems) != 5 || v.Lines != 5 {
			t.Errorf("%s: %d segments are whole, %d lines, %q; want 5 of 10, and 5 lines", name, v.Segments, v.Lines, v.Problems)
		}
		if w.c.lostDisk.packets > 0 || w.c.faults > 0 || w.c.repaired > 0 {
			t.Errorf("%s: %d packets are lost, %d faults; want none", name, w.c.lostDisk.packets, w.c.faults)
		}
		check(t, r.Close())
	}
}
