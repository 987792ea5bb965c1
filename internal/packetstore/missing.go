package packetstore

import (
	"errors"
	"io/fs"
)

// dropMissing takes segments out of the catalog that somebody else has removed. The chain gets no line
// of them, so that Verify goes on saying that they are missing.
func (s *Store) dropMissing() {
	for folder := range s.w.catalog.shelves {
		entries, err := s.files.List(folder)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		there := map[string]bool{}
		for _, e := range entries {
			there[folder+"/"+plainName(e.Name())] = true // it may be compressed just now
		}
		missing := s.w.catalog.filter(folder, func(k *known) bool { return there[plainName(k.name)] })
		for i := range missing {
			s.countMissing(&missing[i])
			_ = s.removeIf(indexName(missing[i].name)) // else the next start does
		}
		s.dropEmpty(folder)
		if len(missing) > 0 {
			s.conf.Logger.Warn("somebody else has removed files of packets", "qube", qubeOf(folder), "files", len(missing))
		}
	}
}

// countMissing counts the packets of a sealed segment that somebody else has removed, and gives up what is
// being made of it.
func (s *Store) countMissing(k *known) {
	if plainName(k.name) == s.w.packing.of.name {
		s.packEnd()
	}
	s.bump(func(c *counters) { c.evicted.add(count{uint64(k.packets), uint64(k.bytes)}) })
}

// isGone reports whether a file is not there.
func (s *Store) isGone(name string) bool {
	f, err := s.files.Open(name)
	if err == nil {
		_ = f.Close()
	}
	return errors.Is(err, fs.ErrNotExist)
}

// loseStored counts what a segment had on the disk as lost: somebody else has removed its file.
func (s *Store) loseStored(g *segment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.c.written.less(&g.stored)
	s.c.lostDisk.add(g.stored.sum())
	g.stored = tally{}
}
