package packetstore

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestHang holds that a write that hangs delays the meter by nothing: it cuts, then
// loses, then all that waited is written.
func TestHang(t *testing.T) {
	t.Parallel()
	dir := fastDir(t)
	hung, goOn := make(chan struct{}, 1), make(chan struct{})
	on := false
	w, f := newFaulty(t, dir, nil, nil)
	w.add(7, 1, 1, 100)
	w.tick()
	f.mu.Lock()
	on = true
	f.hang = func(call string) {
		if on && call == "write" {
			hung <- struct{}{}
			<-goOn
		}
	}
	f.mu.Unlock()
	stop := w.running()
	for len(hung) == 0 {
		w.Add(w.packet(7, 1, 1496))
	}
	for range 50_000 { // none of these waits
		w.Add(w.packet(7, 1, 1496))
	}
	w.balance()
	if w.c.lostMemory.packets == 0 || w.c.waiting[cutPressure].packets == 0 {
		t.Errorf("%d are lost, %d cut; want both while the disk hangs", w.c.lostMemory.packets, w.c.waiting[cutPressure].packets)
	}
	f.mu.Lock()
	f.hang = nil
	f.mu.Unlock()
	close(goOn)
	stop()
	w.balance()
	if n := rows(t, dir); n != w.c.written.sum().packets || n == 0 {
		t.Errorf("%d packets are in the files; %d are counted", n, w.c.written.sum().packets)
	}
}

// sealed stores five segments half a minute later, each of so many packets of a flow.
func (w *world) sealed(packets, size int) {
	w.now = w.now.Add(31 * time.Second)
	for range 5 {
		w.add(7, 1, packets, size)
		w.tick()
		w.Gone(7)
		w.tick()
	}
}

// TestFolder holds that a store whose folder was removed counts what it loses, never
// writes through a link in its place, and begins again once it may.
func TestFolder(t *testing.T) {
	t.Parallel()
	base, outside := fastDir(t), fastDir(t)
	dir := filepath.Join(base, "store")
	w := newWorld(t, dir, nil)
	again := func() { w.sealed(10, 100) }
	again()
	check(t, os.RemoveAll(dir))
	check(t, os.Symlink(outside, dir))
	again()
	again()
	if got := listing(t, outside); got != outside || w.level != levelFailed {
		t.Errorf("the store is %v; outside is %s; want a link in place of the folder not followed", w.level, got)
	}
	check(t, os.Remove(dir))
	again()
	w.now = w.now.Add(31 * time.Second)
	w.tick()
	written := w.c.written.sum().packets
	again()
	if n := w.c.written.sum().packets - written; n != 50 {
		t.Errorf("%d of 50 packets are stored again", n)
	}
	w.stop()
	if n := rows(t, dir); n < 50 {
		t.Errorf("%d packets are in the new folder; want 50 at least", n)
	}
	verified(t, dir)
}
