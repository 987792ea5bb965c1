package eventimport

import (
	"crypto/sha256"
	"encoding/base64"

	"github.com/qubesbeat/qubesbeat/internal/eventfile"
)

// source is a file that is being read.
type source struct {
	in     *eventfile.Input
	lines  *eventfile.Lines
	first  string // what the file is known by: the hash of its first line, "" for standard input
	before uint64 // events that were acknowledged before

	held    []byte // the first line, if it has been read ahead
	isHeld  bool
	tooLong bool  // of the first line
	err     error // of the first line
}

// next is like [eventfile.Lines.Next].
func (s *source) next() (line []byte, tooLong bool, err error) {
	if s.isHeld {
		s.isHeld = false
		return s.held, s.tooLong, s.err
	}
	return s.lines.Next()
}

// open opens a file and passes over what an earlier import has sent.
func (i *Import) open(path string) (*source, error) {
	s, err := i.begin(path)
	if err != nil || s.first == "" {
		return s, err
	}
	p, ok := i.conf.State.place(s.first)
	if !ok {
		return s, nil
	}
	if i.passOver(s, p) {
		s.before = p.Events
		i.inflight.resume(s.first, p)
		return s, nil
	}
	// Another file that begins with the same line.
	if err := s.in.Close(); err != nil {
		return nil, err
	}
	return i.begin(path)
}

// begin opens a file and reads its first line.
func (i *Import) begin(path string) (*source, error) {
	in, err := eventfile.Open(path, i.conf.Stdin)
	if err != nil {
		return nil, err
	}
	s := &source{in: in, lines: eventfile.NewLines(in, eventfile.MaxLine)}
	if i.conf.State == nil || path == eventfile.Stdin {
		return s, nil
	}
	var line []byte
	line, s.tooLong, s.err = s.lines.Next()
	s.isHeld = true
	if s.err == nil && !s.tooLong {
		s.held = append(s.held, line...)
		sum := sha256.Sum256(line)
		s.first = base64.RawURLEncoding.EncodeToString(sum[:16])
	}
	return s, nil
}

// passOver reads a file up to a place. It reports whether the file has, just before it,
// the event that was acknowledged last.
func (i *Import) passOver(s *source, p Place) bool {
	for {
		line, tooLong, err := s.next()
		if err != nil || s.lines.End > p.Offset {
			return false
		}
		if s.lines.End == p.Offset {
			e, err := i.parser.Parse(line)
			return !tooLong && err == nil && e.ID == p.Last
		}
	}
}
