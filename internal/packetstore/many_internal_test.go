package packetstore

import (
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// many stores segments of a qube, a second after each other.
func (w *world) many(n int) {
	for i := range n {
		w.add(7, uint64(i), 1, 100)
		w.now = w.now.Add(time.Second)
		w.Gone(7)
	}
	w.tick()
}

// TestForget_many holds that very many segments are removed by parts, between which packets are written, and
// that what is stored meanwhile stays.
func TestForget_many(t *testing.T) {
	t.Parallel()
	dir := fastDir(t)
	const n = 2*mostRemoved + 10
	w := newWorld(t, dir, nil)
	w.many(n)
	if n, left, err := w.forget("work", "test", 1); n != 1 || left != 0 || err != nil {
		t.Errorf("forget one = %d, %d left, %v", n, left, err)
	}
	if n, left, err := w.forget("work", "test", n); n != mostRemoved || left != mostRemoved+9 || err != nil {
		t.Errorf("forget = %d, %d left, %v; want %d, and the rest", n, left, err, mostRemoved)
	}
	w.add(7, 1, 1, 100)
	stop := w.running()
	if n, err := w.Forget(t.Context(), "work", "test"); n != mostRemoved+10 || err != nil {
		t.Errorf("Forget = %d, %v; want %d, and the one that was being filled", n, err, mostRemoved+9)
	}
	stop()
	w.balance()
	if left := segments(t, dir); len(left) > 0 {
		t.Errorf("%v are left", left)
	}
	verified(t, dir)
}

// TestEvict_many holds that the store removes very many by parts, too, for age and for want of room.
func TestEvict_many(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*world){
		"max_age":   func(w *world) { w.conf.MaxAge = time.Second; w.now = w.now.Add(5 * time.Hour) },
		"max_bytes": func(w *world) { w.conf.MaxBytes = 1; w.w.stale = true },
	} {
		w := newWorld(t, fastDir(t), nil)
		w.many(2*mostRemoved + 10)
		change(w)
		for _, want := range []int{mostRemoved + 10, 10, 0, 0} {
			if w.tick(); w.w.catalog.count != want {
				t.Errorf("%s: %d segments; want %d", name, w.w.catalog.count, want)
			}
			if w.level != levelRunning {
				t.Errorf("%s: the store is %v while it removes segments", name, w.level)
			}
		}
		w.stop()
	}
}

// TestCopy_lacking holds that of many segments without an index few are open at once in a copy.
func TestCopy_lacking(t *testing.T) {
	t.Parallel()
	dir := fastDir(t)
	w := newWorld(t, dir, nil)
	for i := range 20 {
		w.now = w.now.Add(10 * time.Minute)
		w.add(7, uint64(i), 3, 100)
		w.Gone(7)
	}
	w.stop()
	indexes, err := filepath.Glob(filepath.Join(dir, "work/*"+indexSuffix))
	check(t, err)
	for _, path := range indexes {
		check(t, os.Remove(path))
	}
	res, r := mustFind(t, dir, &Query{Qube: "work"})
	done, err := r.Copy(t.Context(), io.Discard, res, CopyOptions{})
	if err != nil || done.Packets != 60 || len(res.parts) != 20 {
		t.Errorf("%d packets of %d segments, %v; want 60 of 20", done.Packets, len(res.parts), err)
	}
	last := int64(0)
	for i := range res.parts {
		if p := &res.parts[i]; p.head.first < last+int64(9*time.Minute) {
			t.Errorf("%s is opened at %v; want it 10 minutes after the one before", p.name, time.Unix(0, p.head.first))
		} else {
			last = p.head.first
		}
	}
}
