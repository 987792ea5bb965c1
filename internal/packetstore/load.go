package packetstore

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// start reads what is in the folder, and repairs what a crash has left.
func (w *writer) start(s *Store) (err error) {
	if w.scratch, err = unix.Mmap(-1, 0, scratchSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS); err != nil {
		return err
	}
	if len(s.recipients) > 0 {
		if w.cipher, err = unix.Mmap(-1, 0, cipherSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS); err != nil {
			return err
		}
	}
	top, err := s.files.List(".")
	if err != nil {
		return err
	}
	var open []string
	w.lines, w.opened = map[string]sealing{}, map[string]Line{}
	for _, e := range top {
		if openForm.MatchString(e.Name()) && e.Type().IsRegular() {
			open = append(open, e.Name())
			w.opened[openKey(e.Name())] = Line{}
			s.noteSequence(e.Name())
		}
	}
	if err := s.readChain(); err != nil {
		return err
	}
	if err := s.loadFolders(top); err != nil {
		return err
	}
	for _, name := range open {
		if err := s.repair(name); err != nil {
			s.bump(func(c *counters) { c.damaged++ })
			s.conf.Logger.Error("a segment cannot be repaired; the next start tries again", "file", name, "error", err)
		}
	}
	s.sweep(top)
	w.lines, w.opened = nil, nil
	return s.defaultBytes()
}

// loadFolders enters what is in the folders of qubes.
func (s *Store) loadFolders(top []fs.DirEntry) error {
	for _, e := range top {
		if e.IsDir() && isFolder(e.Name()) {
			if err := s.loadFolder(e.Name()); err != nil {
				return err
			}
		}
	}
	return nil
}

// noteSequence notes the number in a segment's name, so that no name comes twice.
func (s *Store) noteSequence(file string) {
	if b, seq, ok := sequence(file); ok && b == s.conf.boot {
		s.mu.Lock()
		s.seq = max(s.seq, seq)
		s.mu.Unlock()
	}
}

// readChain opens the chain, and notes which segments it has a line of, and what is there of the
// file before it.
func (s *Store) readChain() (err error) {
	if f, err := s.files.Open(oldChain); err == nil {
		err = errors.Join(readLines(f, func(_ []byte, l *Line, damage error) {
			if damage == nil {
				s.noteLine(l)
			}
		}), f.Close())
		if err != nil {
			s.conf.Logger.Warn("the older file of the chain cannot be read", "error", err)
		}
	}
	s.w.chain, err = openChain(s.files, s.noteLine)
	return err
}

// noteLine notes what a line of the chain says.
func (s *Store) noteLine(l *Line) {
	_, file := splitName(l.Name)
	s.noteSequence(file)
	switch l.Event {
	case Opened:
		if key := openKey(file); hasKey(s.w.opened, key) {
			s.w.opened[key] = *l
		}
	case Sealed, Repaired:
		if _, ok := s.w.lines[l.Name]; !ok { // later ones may be of what was changed
			s.w.lines[l.Name] = sealing{there: true, bytes: l.Bytes, sum: l.Segment}
		}
	case Evicted, Forgotten:
		s.w.lines[plainName(l.Name)], s.w.lines[packedName(l.Name)] = sealing{}, sealing{}
	}
}

func hasKey[K comparable, V any](m map[K]V, key K) bool {
	_, ok := m[key]
	return ok
}

// loadFolder enters the segments of a qube into the catalog, and removes what belongs to
// none.
func (s *Store) loadFolder(folder string) error {
	entries, err := s.files.List(folder)
	if err == nil {
		entries, err = s.resumePacking(folder, entries)
	}
	if err != nil {
		return err
	}
	var segs []known
	for _, e := range entries {
		name := folder + "/" + e.Name()
		if !segmentForm.MatchString(e.Name()) || !e.Type().IsRegular() {
			continue
		}
		s.noteSequence(e.Name())
		if l, ok := s.w.lines[name]; ok && !l.there { // a crash came before it was removed
			if err := removeFiles(s.files, name); err != nil {
				return err
			}
			continue
		}
		k, err := s.load(name, folder)
		if err != nil {
			s.bump(func(c *counters) { c.damaged++ })
			s.conf.Logger.Warn("a segment has no index that can be read", "segment", name, "error", err)
		}
		segs = append(segs, k)
	}
	slices.SortFunc(segs, func(a, b known) int { return cmp.Or(cmp.Compare(a.first, b.first), strings.Compare(a.name, b.name)) })
	for _, k := range segs {
		s.w.catalog.add(k)
		if k.index > 0 { // else it cannot be read
			s.w.packing.add(k.name, s.w.lines[k.name].sum)
		}
	}
	return nil
}

// load returns what is known of a sealed segment. If its index is missing or damaged, it
// is made from the segment.
func (s *Store) load(name, folder string) (k known, err error) {
	k = known{name: name, folder: folder}
	f, err := s.files.Open(name)
	if err != nil {
		return k, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	size, err := f.Size()
	if err != nil {
		return k, err
	}
	k.bytes = rounded(size)
	k.first = startOf(name)
	k.last = k.first + int64(s.conf.Segment.Age) // unless its index says more
	x, err := s.soundHead(name)
	if err == nil && x.size != size && !isPacked(name) { // that size is one of the text
		err = fmt.Errorf("%w: it is of a segment of %d bytes; the segment has %d", errIndex, x.size, size)
	}
	switch {
	case err != nil && isEncrypted(name):
		x, err = s.rebuildBlind(name, f, size)
	case err != nil && isPacked(name):
		x, err = s.rebuildPacked(name, f, size)
	case err != nil:
		x, err = s.rebuild(name, f, size, f, size)
	}
	if err != nil {
		return k, err
	}
	k.first, k.last, k.packets, k.index = x.first, x.last, x.packets, rounded(x.total())
	k.bytes += k.index
	return k, nil
}

// mostDefault is the default of MaxBytes where the disk is large.
const mostDefault = 10 << 30

// defaultBytes sets MaxBytes to half of what is free or taken by the store.
func (s *Store) defaultBytes() error {
	if s.conf.MaxBytes > 0 {
		return nil
	}
	free, err := s.files.Free()
	s.conf.MaxBytes = min(mostDefault, (free+s.w.catalog.bytes)/2)
	return err
}

// close frees what start has taken.
func (w *writer) close() error {
	var errs []error
	w.packing.close()
	if w.chain != nil {
		errs = append(errs, w.chain.close())
		w.chain = nil
	}
	if w.scratch != nil {
		errs = append(errs, unix.Munmap(w.scratch))
		w.scratch = nil
	}
	if w.cipher != nil {
		errs = append(errs, unix.Munmap(w.cipher))
		w.cipher = nil
	}
	return errors.Join(errs...)
}
