package packetstore

import (
	"errors"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// full is a device without room.
type full struct{}

// Write implements [io.Writer].
func (full) Write([]byte) (int, error) { return 0, unix.ENOSPC }

// TestCopy_full holds that the error of a device that is full is said once.
func TestCopy_full(t *testing.T) {
	t.Parallel()
	dir := fastDir(t)
	w := newWorld(t, dir, nil)
	w.add(7, 1, 400, 1496)
	w.stop()
	res, r := mustFind(t, dir, &Query{Qube: "work"})
	_, err := r.Copy(t.Context(), full{}, res, CopyOptions{})
	if !errors.Is(err, unix.ENOSPC) || strings.Count(err.Error(), unix.ENOSPC.Error()) != 1 {
		t.Errorf("Copy = %v; want ENOSPC once", err)
	}
}
