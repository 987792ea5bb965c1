package packetstore

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestStore holds that packets of two qubes are in files of their own, while they are
// written and when they are sealed, with the names of their qubes.
func TestStore(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := newWorld(t, dir, nil)
	w.add(7, 1, 50, 508)
	w.add(8, 2, 30, 60)
	w.tick()
	if n := rows(t, dir); n != 80 || w.c.written.sum().packets != 80 {
		t.Errorf("after a flush, %d packets are in the files and %d are counted; want 80", n, w.c.written.sum().packets)
	}
	w.add(7, 3, 2000, 1496) // several chunks
	w.tick()
	w.stop()
	if n := rows(t, dir); n != w.c.written.sum().packets || n != 2080 {
		t.Errorf("%d packets are in the files, %d are counted; want 2080", n, w.c.written.sum().packets)
	}
	paths := segments(t, dir)
	var names []string
	for _, p := range paths {
		rel, _ := filepath.Rel(dir, p)
		names = append(names, regexp.MustCompile(`-00000\d-`).ReplaceAllString(rel, "-N-"))
	}
	want := []string{"personal/3f9a1c04-N-20270115T080000Z.pcapng", "work/3f9a1c04-N-20270115T080000Z.pcapng"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("segments mismatch (-want +got):\n%s", diff)
	}
	first := lines(t, paths[1], "-c", "1", "-T", "fields", "-e", "frame.interface_name", "-e", "frame.interface_description", "-e", "frame.packet_flags_direction", "-e", "udp.srcport")
	if diff := cmp.Diff([]string{"vif7.0\twork (blue, AppVM, via sys-firewall)\t0x00000001\t1"}, first); diff != "" {
		t.Errorf("first packet mismatch (-want +got):\n%s", diff)
	}
	for _, p := range append(paths, filepath.Dir(paths[0])) {
		if info, err := os.Stat(p); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %v, %v; want no rights of others", p, info.Mode(), err)
		}
	}
}

// TestStore_busy holds that two processes cannot have one folder.
func TestStore_busy(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := newWorld(t, dir, nil)
	if _, err := Open(w.conf); !errors.Is(err, ErrBusy) || !strings.Contains(err.Error(), dir) {
		t.Errorf("Open = %v; want ErrBusy", err)
	}
	w.stop()
}

// TestStore_allocs holds that a packet of a known flow costs no allocation.
func TestStore_allocs(t *testing.T) {
	w := newWorld(t, t.TempDir(), nil)
	p := w.packet(7, 1, 508)
	w.Add(p)
	w.tick()
	n := testing.AllocsPerRun(300, func() { w.Add(p); w.added++ })
	if n != 0 {
		t.Errorf("%v allocations for each packet; want none", n)
	}
	w.stop()
}
