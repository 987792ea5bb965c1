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
	for _, e := range entries {
		name := folder + "/" + e.Name()
		plain, isPartial := strings.CutSuffix(name, packedSuffix+".tmp")
		if isPartial && segmentForm.MatchString(strings.TrimPrefix(plain, folder+"/")) {
			if err := s.resume(name, plain); err != nil {
				return nil, err
			}
		}
	}
	return s.dropTwins(folder)
}

// dropTwins removes the segments of a folder that are there compressed, too, and returns the entries
// of the others without what is not all of a segment that is there.
func (s *Store) dropTwins(folder string) ([]fs.DirEntry, error) {
	entries, err := s.files.List(folder)
	twins := map[string]bool{} // plain segments, and whether the compressed one is whole
	for _, e := range entries {
		if name := e.Name(); isPacked(name) && segmentForm.MatchString(name) {
			twins[plainName(name)] = s.isWhole(folder + "/" + name)
		}
	}
	there := map[string]bool{}
	for _, e := range entries {
		whole, ok := twins[e.Name()]
		if there[e.Name()] = true; ok && whole {
			err = errors.Join(err, s.removeIf(folder+"/"+e.Name()))
		}
	}
	return slices.DeleteFunc(entries, func(e fs.DirEntry) bool {
		whole, ok := twins[plainName(e.Name())]
		return ok && there[plainName(e.Name())] && isPacked(e.Name()) != whole
	}), err
}

// resume gives what was compressed of a segment its name, if it is whole and the chain has it, else
// it removes it.
func (s *Store) resume(partial, plain string) error {
	if !s.w.lines[packedName(plain)] || !s.isWhole(partial) {
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
