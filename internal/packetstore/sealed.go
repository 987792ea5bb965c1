package packetstore

import (
	"fmt"
	"io"

	"github.com/qubesbeat/qubesbeat/internal/safetext"
)

// Why a segment was repaired.
const (
	indexLost = "the index was missing or damaged"
	sealLost  = "the seal was not complete"
)

// sealing is what the chain says first of a segment. The zero sealing is that of one that was
// removed, or that the chain does not know.
type sealing struct {
	there bool
	bytes int64
	sum   string // "" without Integrity
}

// differs says how a segment that was repaired differs from what was sealed, "" if it does not.
func (f *sealing) differs(bytes int64, sum string) string {
	switch {
	case f.bytes != bytes:
		return fmt.Sprintf("it had %d bytes and has %d", f.bytes, bytes)
	case f.sum != "" && sum != "" && f.sum != sum:
		return "it was changed"
	}
	return ""
}

// chainRepaired writes the line of a sealed segment whose index was made again. If the segment is not
// what the chain says, the line does not hide it: Verify compares it with the one before.
func (s *Store) chainRepaired(l *Line) error {
	l.At, l.Event = s.conf.Now(), Repaired
	if !s.w.lines[l.Name].there {
		s.noteChanged(l.Name, l, "the chain had no line of it")
	} else {
		s.compare(l.Name, l)
	}
	return s.w.chain.append(l)
}

// compare compares the line of a segment that was repaired with the first that the chain has of it.
func (s *Store) compare(name string, l *Line) {
	if was := s.w.lines[name]; was.there {
		if how := was.differs(l.Bytes, l.Segment); how != "" {
			s.noteChanged(name, l, how+" since it was sealed")
		}
	}
}

// noteChanged says that a segment that was repaired is not as it was sealed.
func (s *Store) noteChanged(name string, l *Line, how string) {
	l.Reason += "; " + how
	s.conf.Logger.Error("a segment that was repaired is not as it was sealed, which no crash explains", "segment", name, "how", how)
	const most = 1000
	if len(s.w.changed) < most {
		s.w.changed = append(s.w.changed, safetext.Line(name+": "+how))
	}
}

// asSealed returns the size with which a segment was sealed, if the file of that size, which has lost its
// name or its index, is that segment, and 0 otherwise.
func (s *Store) asSealed(final string, f io.ReaderAt, size int64) (int64, error) {
	was := s.w.lines[final]
	if !was.there || was.sum == "" || was.bytes > size {
		return 0, nil
	}
	sum, err := sumOfReader(io.NewSectionReader(f, 0, was.bytes))
	if err != nil || sum != was.sum {
		return 0, err
	}
	return was.bytes, nil
}
