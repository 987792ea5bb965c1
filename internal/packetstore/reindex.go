package packetstore

import (
	"errors"
	"slices"
)

// rebuildPacked is as rebuild, of a compressed segment.
func (s *Store) rebuildPacked(name string, f file, size int64) (*indexHead, error) {
	u, err := unpack(f)
	if err != nil {
		return nil, err
	}
	defer u.decoder.Close()
	n, _ := u.Size()
	return s.rebuild(name, f, size, u, n)
}

// rebuild makes the index of a sealed segment again, whose text has n bytes, and writes a line
// that says so.
func (s *Store) rebuild(name string, f file, size int64, text file, n int64) (*indexHead, error) {
	h, err := s.headOfSealed(name, text)
	if err != nil {
		return nil, err
	}
	g, err := scanSegment(text, h, s.conf.Segment.Age)
	if err != nil {
		return nil, err
	}
	if g.packets == 0 {
		return nil, errors.New("no packet can be read")
	}
	x := slices.Clone(s.w.indexer.index(&g.segment, n, true))
	if err := s.writeIndex(indexName(name), x); err != nil {
		return nil, err
	}
	sum, err := s.sumOf(f, size)
	if err != nil {
		return nil, err
	}
	s.bump(func(c *counters) { c.repaired++ })
	head := new(indexHead)
	return head, errors.Join(head.parse(x, int64(len(x))), s.chainRepaired(&Line{Name: name, Bytes: size,
		Packets: g.packets, First: g.first, Last: g.last, Segment: sum, Index: digest(x), Reason: indexLost}))
}
