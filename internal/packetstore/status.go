package packetstore

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/qubesbeat/qubesbeat/internal/filelock"
)

// Status is what a store holds.
type Status struct {
	Running bool // a process stores packets there
	Bytes   int64
	Free    int64 // of the file system
	Kept    int64
	Locked  int          // segments that are being filled, encrypted, so that it is not known whose they are
	Qubes   []QubeStatus // by name
}

// QubeStatus is what a store holds of one qube.
type QubeStatus struct {
	Qube           string // what begins with _ is an interface whose qube was not known
	Segments, Open int
	Bytes, Index   int64
	Packets        uint64 // of sealed segments, as the rest
	Cut, Lost      uint64
	First, Last    time.Time // of packets; zero if none is sealed
	Damaged        int       // segments without an index that can be used
}

// Status returns what the store holds.
func (r *Reader) Status() (*Status, error) {
	st := &Status{}
	all := map[string]*QubeStatus{}
	err := r.list("", func(s *stored) error {
		if s.locked {
			return r.countLocked(st, s)
		}
		q := all[s.folder]
		if q == nil {
			q = &QubeStatus{Qube: qubeOf(s.folder)}
			all[s.folder] = q
		}
		return r.count(q, s)
	})
	if err != nil {
		return nil, fmt.Errorf("looking at the store of packets: %w", err)
	}
	for _, q := range all {
		st.Qubes = append(st.Qubes, *q)
		st.Bytes += q.Bytes
	}
	slices.SortFunc(st.Qubes, func(a, b QubeStatus) int { return cmp.Compare(a.Qube, b.Qube) })
	if st.Free, err = r.files.Free(); err == nil {
		st.Kept, err = r.keptBytes()
	}
	st.Running = busy(r.dir)
	return st, err
}

// countLocked adds a segment of which nothing is known but its size.
func (r *Reader) countLocked(st *Status, s *stored) error {
	f, err := r.files.Open(s.name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	size, err := f.Size()
	st.Locked++
	st.Bytes += rounded(size)
	return errors.Join(err, f.Close())
}

// count adds a segment.
func (r *Reader) count(q *QubeStatus, s *stored) error {
	f, err := r.files.Open(s.name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // removed or sealed just now
	} else if err != nil {
		return err
	}
	size, err := f.Size()
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	q.Bytes += rounded(size)
	switch h := &s.head; {
	case s.open:
		q.Open++
	case s.lacking != nil:
		q.Damaged++
		q.Segments++
	default:
		index := rounded(h.total())
		q.Segments++
		q.Bytes, q.Index = q.Bytes+index, q.Index+index
		q.Packets, q.Cut, q.Lost = q.Packets+uint64(h.packets), q.Cut+uint64(h.cut), q.Lost+uint64(h.lost)
		if first := time.Unix(0, h.first); q.First.IsZero() || first.Before(q.First) {
			q.First = first
		}
		if last := time.Unix(0, h.last); last.After(q.Last) {
			q.Last = last
		}
	}
	return nil
}

// busy reports whether a process has the lock of a folder.
func busy(dir string) bool {
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR|unix.O_NOFOLLOW, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	return filelock.Held(f)
}
