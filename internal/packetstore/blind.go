package packetstore

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// suffix returns what names of segments have behind them.
func (s *Store) suffix() string {
	if len(s.recipients) > 0 {
		return ageSuffix
	}
	return ""
}

// sealedName returns the name of a segment once it is sealed.
func (s *Store) sealedName(g *segment) string {
	return segmentName(g.qube, s.conf.boot, g.seq, g.began) + s.suffix()
}

// createEncrypted writes into the chain whose segment begins, since its head cannot be read
// here, and begins to encrypt. What is done already is not done again.
func (s *Store) createEncrypted(g *segment) error {
	if !g.opened {
		l := &Line{At: s.conf.Now(), Event: Opened, Name: s.sealedName(g), First: g.began, Last: g.began}
		if err := s.w.chain.append(l); err != nil {
			return err
		}
		g.opened = true
	}
	if g.enc == nil {
		if err := s.encrypt(g); err != nil {
			return err
		}
	}
	page := s.w.scratch[:pageSize]
	appendHead(page[:0], s.headOf(g))
	return s.putEncrypted(g, page)
}

// openKey returns what the names of a segment, open and sealed, have in common.
func openKey(file string) string {
	boot, seq, _ := sequence(file)
	return fmt.Sprintf("%s-%d", boot, seq)
}

// repairEncrypted makes a sealed segment of an open one, without the key: of the chunks of
// age that are complete. What they have is known to who has the key. If there is none, the
// file is removed.
func (s *Store) repairEncrypted(name string, f file, size int64) error {
	_, file := splitName("/" + name)
	boot, seq, ok := sequence(file)
	if !ok {
		return fmt.Errorf("%s is no name of a segment", name)
	}
	l := s.w.opened[openKey(file)]
	if folder, base := splitName(l.Name); !isFolder(folder) || !segmentForm.MatchString(base) {
		l = Line{Name: segmentName(damagedFolder, boot, seq, 0) + ageSuffix}
	}
	if x, err := s.readIndex(indexName(l.Name)); err == nil && rounded(x.size) == rounded(size) { // only the last steps of the seal are missing
		if err := errors.Join(f.Truncate(x.size), f.Sync()); err != nil {
			return err
		}
		return s.giveName(name, l.Name, f, x)
	}
	end, err := s.endOf(l.Name, f, size)
	if err != nil {
		return err
	}
	if end == 0 {
		return s.files.Remove(name)
	}
	return s.completeEncrypted(name, &l, f, size, end)
}

// completeEncrypted ends a file behind its last chunk that is complete, and gives it a name,
// and an index that says that nothing is known.
func (s *Store) completeEncrypted(name string, l *Line, f file, size, end int64) error {
	if err := errors.Join(f.Truncate(end), f.Sync()); err != nil {
		return err
	}
	sum, err := s.sumOf(f, end)
	if err != nil {
		return err
	}
	x := s.blindIndex(l.First, end)
	if err := s.writeIndex(indexName(l.Name), x.append(nil)); err != nil {
		return err
	}
	folder, _ := splitName(l.Name)
	k := known{name: l.Name, folder: folder, bytes: rounded(end) + pageSize, index: pageSize, first: x.first, last: x.last}
	chained := false
	line := &Line{Event: Repaired, Bytes: end, Segment: sum, Index: digest(x.append(nil)), Reason: "not sealed; encrypted, so that what was in memory is lost: less than 64 KiB, and what had come since the last flush"}
	s.compare(l.Name, line)
	if err := s.publish(name, &k, line, &chained); err != nil {
		return err
	}
	s.bump(func(c *counters) { c.repaired++; c.bytesCut += uint64(max(size-end, 0)) })
	return nil
}

// blindIndex returns the index of a segment of which only the first time is known.
func (s *Store) blindIndex(first, size int64) *indexHead {
	return &indexHead{first: first, last: first + int64(s.conf.Segment.Age), size: size, link: 1, repaired: true, blind: true}
}

// rebuildBlind writes an index for an encrypted segment that has lost its own.
func (s *Store) rebuildBlind(name string, f file, size int64) (*indexHead, error) {
	x := s.blindIndex(startOf(name), size)
	if err := s.writeIndex(indexName(name), x.append(nil)); err != nil {
		return nil, err
	}
	sum, err := s.sumOf(f, size)
	if err != nil {
		return nil, err
	}
	s.bump(func(c *counters) { c.repaired++ })
	return x, s.chainRepaired(&Line{Name: name, Bytes: size, First: x.first, Last: x.last,
		Segment: sum, Index: digest(x.append(nil)), Reason: indexLost + ", and the segment is encrypted"})
}

// endOf returns where what is whole of an encrypted segment ends: all of it, if it was sealed and
// only its name is missing.
func (s *Store) endOf(final string, f file, size int64) (int64, error) {
	if n, err := s.asSealed(final, f, size); n > 0 || err != nil {
		return n, err
	}
	return wholeChunks(f, size)
}

// wholeChunks returns where the last complete chunk of an age file ends; 0 if there is none.
func wholeChunks(f io.ReaderAt, size int64) (int64, error) {
	head := make([]byte, min(size, 64<<10))
	if n, err := f.ReadAt(head, 0); err != nil && err != io.EOF {
		return 0, err
	} else if head = head[:n]; n == 0 {
		return 0, nil
	}
	mac := bytes.Index(head, []byte("\n--- "))
	if mac < 0 {
		return 0, nil
	}
	line := bytes.IndexByte(head[mac+1:], '\n')
	if line < 0 {
		return 0, nil
	}
	const nonce = 16
	begin := int64(mac+1+line+1) + nonce
	n := (size - begin) / ageSealed
	if n <= 0 {
		return 0, nil
	}
	return begin + n*ageSealed, nil
}
