package packetstore

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestPressure_fair holds that a qube that fills the buffers has its own packets cut, and those of
// others only when there is no room left.
func TestPressure_fair(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fastDir(t), func(c *Config) { c.Memory = 32 << 20 })
	for iface := uint32(7); iface < 11; iface++ {
		w.add(iface, uint64(iface), 1, 1496) // its name is known from here on
	}
	w.tick()
	cutOf := func(iface uint32) uint64 { return w.streams[iface].seg.total[cutPressure].packets }
	for !w.Pressure() {
		w.Add(w.packet(7, 7, 1496))
	}
	for range 200 { // 300 KB: more than a chunk
		w.Add(w.packet(7, 7, 1496))
		w.Add(w.packet(8, 8, 1496))
	}
	if noisy, quiet := cutOf(7), cutOf(8); noisy != 200+1 && noisy != 200 || quiet > 0 {
		t.Errorf("%d packets of the noisy qube are cut, %d of the quiet one; want 200 and none", noisy, quiet)
	}
	for len(w.pool.free) >= w.pool.share.Limit()/8 {
		w.Add(w.packet(7, 7, 1496))
		w.Add(w.packet(9, 9, 1496))
	}
	before, lost := cutOf(10), w.c.lostMemory.packets
	for range 10 {
		w.Add(w.packet(10, 10, 1496))
	}
	if n := cutOf(10) - before; n != 10 || w.c.lostMemory.packets > lost {
		t.Errorf("with %d chunks free, %d of 10 packets of a newcomer are cut, %d are lost; want 10 and none", len(w.pool.free), n, w.c.lostMemory.packets-lost)
	}
	w.stop()
}

// TestReader_emptyOpen holds that an open file that has no complete head yet is no fault of a search
// with a key, nor is one that is no age file at all.
func TestReader_emptyOpen(t *testing.T) {
	t.Parallel()
	dir := fastDir(t)
	w := newWorld(t, dir, encrypting)
	w.add(7, 1, 20, 300)
	w.stop()
	for i, text := range []string{"", "age-encryption.org/v1\n-> X25519 ", "nonsense"} {
		check(t, os.WriteFile(filepath.Join(dir, fmt.Sprintf(".open-vif9.0-3f9a1c04-%06d.pcapng.age", 100+i)), []byte(text), 0o600))
	}
	r, err := OpenReader(dir)
	check(t, err)
	check(t, r.Unlock(strings.NewReader(testKey().String())))
	defer r.Close()
	res, err := r.Find(t.Context(), &Query{Qube: "work"})
	check(t, err)
	if res.Segments != 1 {
		t.Errorf("%d segments are found; want 1", res.Segments)
	}
	if st, err := r.Status(); err != nil || len(st.Qubes) != 1 {
		t.Errorf("status = %+v, %v; want one qube", st, err)
	}
}
