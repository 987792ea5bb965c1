package archive

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/zstd"
)

// Why a file is not stored. A [RefusedError] is for good; the others pass.
var (
	// ErrFull means that the archive has no room.
	ErrFull = errors.New("archive: no room")
	// ErrChanged means that what came is not what was announced.
	ErrChanged = errors.New("archive: the file is not what was announced")
)

// RefusedError says why a file is never stored.
type RefusedError struct{ Reason string }

// Error implements error.
func (e *RefusedError) Error() string { return e.Reason }

// Admit returns an error if a file may not come: [ErrFull], or a [RefusedError].
func (s *Store) Admit(name string, size int64) error {
	switch {
	case s.broken != nil:
		return s.broken
	case !nameForm.MatchString(name):
		return &RefusedError{"the name is not that of a file of events"}
	case size < 1 || size > s.conf.MaxFile:
		return &RefusedError{fmt.Sprintf("%d bytes are not between 1 and the %d that a file may have (--max-file)", size, s.conf.MaxFile)}
	case len(s.entries) >= s.conf.MaxFiles:
		return fmt.Errorf("%w: there are %d files (--max-files)", ErrFull, len(s.entries))
	case s.used+size > s.conf.MaxBytes:
		return fmt.Errorf("%w: %d of %d bytes are used (--max-bytes)", ErrFull, s.used, s.conf.MaxBytes)
	}
	free, err := s.conf.Free(s.dir)
	if err != nil {
		return err
	}
	// The file, its compressed form and its identities are there at the same time.
	if free-3*size < s.conf.MinFree {
		return fmt.Errorf("%w: the file system has %d bytes left", ErrFull, free)
	}
	return nil
}

// Add stores the events of a file that [Store.Admit] has admitted. digest is its
// SHA-256, in hexadecimal. If r ends before the file, it returns
// [io.ErrUnexpectedEOF], and the archive is as before, as it is after any error.
func (s *Store) Add(name string, size int64, digest string, r io.Reader) (*Entry, error) {
	in, err := newIncoming(s.dir, s.conf.Inspect)
	if err != nil {
		return nil, err
	}
	defer in.remove()
	if err := in.fill(r, size); err != nil {
		return nil, err
	}
	if in.digest() != digest {
		return nil, ErrChanged
	}
	if len(in.events) == 0 {
		return nil, &RefusedError{"there is no event in it: " + in.reason}
	}
	if err := s.compare(in); err != nil {
		return nil, err
	}
	return s.keep(in, s.entryOf(name, in))
}

// compare finds the events that are there already. They can only be in files of the same
// time, because equal events have equal times.
func (s *Store) compare(in *incoming) error {
	in.events.sort()
	for _, e := range s.entries {
		if e.overlaps(in.first, in.last) {
			if err := s.compareWith(in, e.file); err != nil {
				return fmt.Errorf("comparing with %s: %w", e.file, err)
			}
		}
	}
	return nil
}

func (s *Store) compareWith(in *incoming, file string) error {
	f, err := os.Open(filepath.Join(s.dir, idsName(file)))
	if err != nil {
		return err
	}
	defer f.Close()
	return in.events.meetAll(f)
}

// entryOf describes a file that came.
func (s *Store) entryOf(name string, in *incoming) *Entry {
	number := len(s.entries) + 1
	return &Entry{Number: number, File: fileName(number, name), Name: name, Received: s.conf.Now().UTC(),
		Sent:   Content{in.bytes, in.digest()},
		Events: in.events.count(isNew), Duplicates: in.events.count(isDuplicate), Conflicts: in.events.count(isConflict), Refused: in.refused,
		First: in.first.UTC(), Last: in.last.UTC(), Previous: s.head}
}

// keep writes the new events, and then the entry.
func (s *Store) keep(in *incoming, e *Entry) (*Entry, error) {
	path := filepath.Join(s.dir, e.File)
	err := s.write(in, e, path)
	if err == nil {
		if err = e.seal(); err == nil {
			err = s.appendEntry(e)
		}
	}
	if err != nil {
		_ = os.Remove(path)
		_ = os.Remove(idsName(path))
		return nil, err
	}
	return e, nil
}

// write writes the file of an entry and the one of its identities.
func (s *Store) write(in *incoming, e *Entry, path string) error {
	var err error
	if e.Stored, err = writeFile(path, func(w io.Writer) error {
		z, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1))
		if err != nil {
			return err
		}
		return errors.Join(in.writeNew(z), z.Close())
	}); err != nil {
		return err
	}
	if _, err := writeFile(idsName(path), func(w io.Writer) error {
		_, err := w.Write(in.events.appendNew(nil))
		return err
	}); err != nil {
		return err
	}
	return syncFolder(s.dir)
}
