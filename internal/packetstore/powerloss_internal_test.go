package packetstore

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// TestPowerLoss fills random pages of everything that is open with zeros, as a disk does that
// has lost what was not synced. What is in front of the first is there, what is behind it is
// counted, and a second start finds nothing to do.
func TestPowerLoss(t *testing.T) {
	t.Parallel()
	dir := fastDir(t)
	w := newWorld(t, dir, nil)
	w.add(7, 1, 900, 508)
	w.add(8, 2, 40, 1496)
	w.tick()
	flushed := w.c.written.sum().packets
	w.add(7, 3, 600, 508) // a chunk of it is written behind the last flush
	image := copyDir(t, dir)
	w.stop()
	for round := range 40 {
		random := rand.New(rand.NewPCG(uint64(round), 1))
		to := fastDir(t)
		check(t, os.CopyFS(to, os.DirFS(image)))
		whole := uint64(0)
		for _, path := range segments(t, to) {
			whole += zeroPages(t, path, random)
		}
		again := newWorld(t, to, nil)
		again.stop()
		what := fmt.Sprintf("round %d", round)
		if n := scanned(t, to); n != whole || again.c.damaged > 0 {
			t.Errorf("%s: %d packets are left, %d segments are damaged; want the %d packets in front of the damage", what, n, again.c.damaged, whole)
		}
		if have := scanned(t, to) + again.c.lostCrash; have > w.added || whole < flushed && again.c.lostCrash > flushed {
			t.Errorf("%s: %d packets are left or counted as lost; %d were stored", what, have, w.added)
		}
		verified(t, to)
		if second := newWorld(t, to, nil); second.c.repaired+second.c.damaged > 0 {
			t.Errorf("%s: the second start repairs, too", what)
		} else {
			second.stop()
		}
		if round%10 == 0 {
			rows(t, to)
		}
	}
}

// zeroPages fills up to three pages of a segment behind its head with zeros, and returns how
// many packets are in front of them.
func zeroPages(t *testing.T, path string, random *rand.Rand) (whole uint64) {
	b, err := os.ReadFile(path)
	check(t, err)
	first := len(b)
	for range random.IntN(4) {
		at := (1 + random.IntN(len(b)/pageSize-1)) * pageSize
		clear(b[at : at+pageSize])
		first = min(first, at)
	}
	check(t, os.WriteFile(path, b, 0o600))
	for at := 0; at < first; {
		n := int(le.Uint32(b[at+4:]))
		if n < 12 || at+n > first {
			break
		}
		if le.Uint32(b[at:]) == 6 {
			whole++
		}
		at += n
	}
	if filepath.Ext(path) != segmentSuffix {
		t.Fatalf("%s is no segment", path)
	}
	return whole
}
