package packetstore

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
)

// resumePacking finishes, or undoes, what a crash has left of a compression in the folder
// of a qube. It returns the entries that count: of a segment that is there twice, the plain one, unless
// the other is whole.
func (s *Store) resumePacking(folder string, entries []fs.DirEntry) ([]fs.DirEntry, error) {
	resumed := false
	for _, e := range entries {
		name := folder + "/" + e.Name()
		plain, isPartial := strings.CutSuffix(name, packedSuffix+".tmp")
		if isPartial && segmentForm.MatchString(strings.TrimPrefix(plain, folder+"/")) {
			if err := s.resume(name, plain); err != nil {
				return nil, err
			}
			resumed = true
		}
	}
	if resumed {
		var err error
		if entries, err = s.files.List(folder); err != nil {
			return nil, err
		}
	}
	return s.dropTwins(folder, entries)
}

// dropTwins removes the segments of a folder that are there compressed, too, and returns the entries
// of the others without what is not all of a segment that is there.
func (s *Store) dropTwins(folder string, entries []fs.DirEntry) ([]fs.DirEntry, error) {
	plain := map[string]bool{}
	for _, e := range entries {
		plain[e.Name()] = segmentForm.MatchString(e.Name()) && !isPacked(e.Name())
	}
	var err error
	gone := map[string]bool{}
	for _, e := range entries {
		name := e.Name()
		switch twin := plainName(name); {
		case !isPacked(name) || !plain[twin]:
		case s.isWhole(folder + "/" + name):
			gone[twin] = true
			err = errors.Join(err, s.removeIf(folder+"/"+twin))
		default: // the store has not made it
			gone[name] = true
		}
	}
	return slices.DeleteFunc(entries, func(e fs.DirEntry) bool { return gone[e.Name()] }), err
}

// resume gives what was compressed of a segment its name, if it is whole and the chain has it, else
// it removes it.
func (s *Store) resume(partial, plain string) error {
	if !s.w.lines[packedName(plain)].there || !s.isWhole(partial) {
		return s.files.Remove(partial)
	}
	folder, _ := splitName(plain)
	return errors.Join(s.files.Rename(partial, packedName(plain)), s.files.SyncDir(folder))
}

// isWhole reports whether a file has all of the segment of its name, compressed.
func (s *Store) isWhole(name string) bool {
	f, err := s.files.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	frames, err := readSeekTable(f)
	if err != nil || len(frames) == 0 {
		return false
	}
	x, err := s.indexHead(indexName(strings.TrimSuffix(name, ".tmp")))
	last := frames[len(frames)-1]
	return err == nil && x.size == last.text+int64(last.n)
}

// removeIf removes a file if it is there.
func (s *Store) removeIf(name string) error {
	if err := s.files.Remove(name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
