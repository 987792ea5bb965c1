package packetstore

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// smallDisk mounts a file system of 8 MB that only this thread sees.
func smallDisk(t *testing.T) string {
	t.Helper()
	runtime.LockOSThread() // and never unlocked: the thread ends with the test
	dir := t.TempDir()
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		t.Skipf("unshare: %v; root can mount a small file system, or: unshare -rm go test ./internal/packetstore", err)
	}
	check(t, unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
	check(t, unix.Mount("tmpfs", dir, "tmpfs", 0, "size=8m"))
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	return dir
}

// TestFull stores 20,000 packets of 1,000 bytes on a disk of 8 MB of which half is taken
// by others: what is in the files and what is counted is what was sent, tshark has nothing
// to say, and soon after there is room, packets are stored again. tcpdump counts 0 dropped.
func TestFull(t *testing.T) {
	dir := smallDisk(t)
	ballast := filepath.Join(dir, "ballast")
	check(t, os.WriteFile(ballast, make([]byte, 4<<20), 0o600))
	w := newWorld(t, dir, func(c *Config) { c.Segment.Bytes, c.MinFree, c.Memory = 1<<20, 600<<10, 2<<20 })
	for i := range 20_000 {
		w.Add(w.packet(7, uint64(i%100), 1000))
		if i%500 == 499 {
			w.tick()
		}
	}
	if w.c.evictedSpace == 0 {
		t.Errorf("nothing was evicted: %+v", w.c)
	}
	more, err := os.Create(filepath.Join(dir, "more"))
	check(t, err)
	for i := range 20_000 {
		w.Add(w.packet(7, uint64(i%100), 1000))
		if i%500 == 499 { // another program takes all that the store frees
			for err = nil; err == nil; {
				_, err = more.Write(make([]byte, pageSize))
			}
			w.tick()
		}
	}
	if w.level == levelRunning || w.c.lostDisk.packets == 0 {
		t.Errorf("the store is %v; %d packets are lost for the disk; want some", w.level, w.c.lostDisk.packets)
	}
	check(t, more.Close())
	check(t, os.Remove(more.Name()))
	check(t, os.Remove(ballast))
	w.tick()
	w.tick() // two seconds
	lost := w.c.lostDisk.packets
	w.add(7, 1, 100, 1000)
	w.tick()
	if w.level != levelRunning || w.c.lostDisk.packets > lost {
		t.Errorf("there is room, and the store is %v", w.level)
	}
	w.now = w.now.Add(time.Second)
	w.stop()
	if n := rows(t, dir); n+w.c.evicted.packets != w.c.written.sum().packets {
		t.Errorf("%d packets are in the files and %d evicted; %d are counted as written", n, w.c.evicted.packets, w.c.written.sum().packets)
	}
	verified(t, dir)
}
