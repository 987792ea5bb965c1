package archive

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
)

// manifestName is the name of the manifest in the folder of a sender.
const manifestName = "manifest"

// maxEntry is longer than any entry.
const maxEntry = 4096

// readEntries calls use for each entry of a manifest and returns the length of what it
// has read: the part of a line that a crash has left at the end is not in it.
func readEntries(r io.Reader, sender string, use func(*Entry)) (length int64, err error) {
	in := bufio.NewReaderSize(r, maxEntry)
	number, hash := 0, origin(sender)
	for {
		line, err := in.ReadSlice('\n')
		if err == io.EOF {
			return length, nil
		}
		if err != nil {
			return length, fmt.Errorf("manifest: line %d: %w", number+1, err)
		}
		var e Entry
		if err := json.Unmarshal(line, &e); err != nil {
			return length, fmt.Errorf("manifest: line %d: %w", number+1, err)
		}
		if err := e.follows(number, hash); err != nil {
			return length, fmt.Errorf("manifest: line %d: %w", number+1, err)
		}
		number, hash = e.Number, e.Hash
		length += int64(len(line))
		use(&e)
	}
}

// appendEntry writes an entry to the disk. It is the moment from which on a file belongs
// to the archive.
func (s *Store) appendEntry(e *Entry) error {
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	line = append(bytes.TrimSpace(line), '\n')
	if _, err := s.manifest.Write(line); err != nil {
		return s.cut(err)
	}
	if err := s.manifest.Sync(); err != nil {
		return s.cut(err)
	}
	s.length += int64(len(line))
	s.add(e)
	return nil
}

// cut removes the part of an entry that was written, so that the next one follows the
// last whole one.
func (s *Store) cut(cause error) error {
	if err := s.manifest.Truncate(s.length); err != nil {
		s.broken = err
	}
	return fmt.Errorf("writing the manifest: %w", cause)
}

// syncFolder makes new names in a folder survive a power failure.
func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
