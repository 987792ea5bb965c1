package packetstore

import (
	"errors"
	"fmt"
	"io"
	"io/fs"

	"filippo.io/age"

	"github.com/qubesbeat/qubesbeat/internal/pcapng"
)

// Reader reads a store, whether another process stores packets in it or not. It is not
// safe for concurrent use.
type Reader struct {
	dir   string
	files *folder
	keys  []age.Identity // of segments that are encrypted
}

// OpenReader opens the store in a folder. The caller must call Close.
func OpenReader(dir string) (*Reader, error) {
	f, err := openFolder(dir)
	if err != nil {
		return nil, fmt.Errorf("opening the store of packets: %w", err)
	}
	return &Reader{dir: dir, files: f}, nil
}

// Close ends the use of the store.
func (r *Reader) Close() error { return r.files.Close() }

// stored is a segment that a Reader has found.
type stored struct {
	name, folder string
	head         indexHead // of its index; zero if open
	open         bool      // it is being filled, or was not repaired yet
	locked       bool      // open and encrypted: not even its head is known
	lacking      error     // why there is no index that can be used
}

// list calls do for every segment of a qube, or of all if qube is "".
func (r *Reader) list(qube string, do func(*stored) error) error {
	return r.walk(qube, func(folder string) error { return r.listFolder(folder, do) }, do)
}

// walk calls sealed for every folder of a qube, or of all if qube is "", and open for every
// segment that is being filled.
func (r *Reader) walk(qube string, sealed func(folder string) error, open func(*stored) error) error {
	top, err := r.files.List(".")
	if err != nil {
		return err
	}
	for _, e := range top {
		switch {
		case e.IsDir() && isFolder(e.Name()) && (qube == "" || e.Name() == folderOf(qube)):
			if err := sealed(e.Name()); err != nil {
				return err
			}
		case openForm.MatchString(e.Name()) && e.Type().IsRegular():
			if err := r.listOpen(e.Name(), qube, open); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *Reader) listFolder(folder string, do func(*stored) error) error {
	entries, err := r.files.List(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	for _, name := range segmentNames(entries) {
		s := stored{name: folder + "/" + name, folder: folder}
		s.lacking = r.readHead(&s)
		if err := do(&s); err != nil {
			return err
		}
	}
	return nil
}

// listOpen calls do for an open segment, of which nothing is known but what its head says.
func (r *Reader) listOpen(name, qube string, do func(*stored) error) error {
	f, err := r.openSegment(name)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, errAge) {
		return nil // it was sealed just now, or begun
	} else if errors.Is(err, ErrLocked) {
		return do(&stored{name: name, folder: "_", open: true, locked: true})
	} else if err != nil {
		return err
	}
	h, err := parseHead(pcapng.NewScanner(io.NewSectionReader(f, 0, pageSize), 0))
	if err := f.Close(); err != nil {
		return err
	}
	if err != nil || qube != "" && h.Folder != folderOf(qube) {
		return nil // before its first page is written, it has nothing
	}
	return do(&stored{name: name, folder: h.Folder, open: true, head: indexHead{link: h.link}})
}

// readHead reads the head of a segment's index.
func (r *Reader) readHead(s *stored) error {
	f, err := r.files.Open(indexName(s.name))
	if err != nil {
		return err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return err
	}
	x, err := openIndex(f, size)
	if err == nil {
		s.head = x.indexHead
	}
	return err
}
