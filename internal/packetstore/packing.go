package packetstore

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/klauspost/compress/zstd"
)

// packing is the compression of sealed segments, one frame at a time while there is nothing
// to write. A segment is replaced when all of it is on the disk, and stays as it is otherwise.
type packing struct {
	encoder *zstd.Encoder
	todo    []unpackedSegment // sealed segments that are not compressed
	rest    time.Time

	of       known // the segment that is being compressed; its name is "" if there is none
	in, out  file
	at, size int64         // of the text: what is compressed, and all of it
	end      int64         // of out
	chained  bool          // the line of the compressed segment is written
	frames   []packedFrame // sizes only
	sum      *sum          // of the text, as far as it was read
	want     string        // its digest in the chain, "" if that has none
	text     []byte
	packed   []byte
}

// unpackedSegment is a segment that is to be compressed.
type unpackedSegment struct{ name, sum string }

// add enters a sealed segment, whose digest in the chain is sum.
func (p *packing) add(name, sum string) {
	if p.encoder != nil && !isPacked(name) && !isEncrypted(name) {
		p.todo = append(p.todo, unpackedSegment{name, sum})
	}
}

// pack does a part of the compression, and reports whether there was any to do. It uses up
// to half of a core.
func (s *Store) pack() bool {
	p := &s.w.packing
	begun := time.Now()
	if p.of.name == "" && !s.packNext() {
		return false
	}
	switch err := s.packOn(); {
	case err == nil:
	case errors.Is(err, fs.ErrNotExist) && !p.chained: // it was removed by another process
		s.packEnd()
	case errors.Is(err, errNoRoom), isFull(err) && !p.chained:
		s.packLater()
		return false
	default:
		s.packFault(err)
		return false
	}
	p.rest = begun.Add(2 * time.Since(begun))
	return true
}

// packLater gives up the compression that is under way, for its room, and has it tried again.
func (s *Store) packLater() {
	p := &s.w.packing
	p.rest = time.Now().Add(ageEvery)
	if p.of.name != "" && !p.chained {
		p.todo = append(p.todo, unpackedSegment{p.of.name, p.want})
		s.packEnd()
	}
}

// packFault reports a fault. A segment whose line is written is replaced as soon as that is possible,
// another one is left as it is.
func (s *Store) packFault(err error) {
	p := &s.w.packing
	s.bump(func(c *counters) { c.faults++ })
	s.conf.Logger.Warn("a segment cannot be compressed", "segment", p.of.name, "error", err)
	p.rest = time.Now().Add(ageEvery)
	if !p.chained {
		s.packEnd()
	}
}

// packs reports whether there is something to compress, and nothing that comes before.
func (s *Store) packs() bool {
	p := &s.w.packing
	if p.encoder == nil || p.of.name == "" && len(p.todo) == 0 {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.jobs) == 0 && s.level == levelRunning && !s.pressure.Load()
}

// packNext begins with the next segment.
func (s *Store) packNext() bool {
	p := &s.w.packing
	for len(p.todo) > 0 {
		next := p.todo[0]
		p.todo = p.todo[1:]
		folder, _ := splitName(next.name)
		if k := s.w.catalog.find(folder, next.name); k != nil {
			p.of, p.want = *k, next.sum
			return true
		}
	}
	return false
}

// packEnd ends the compression of a segment, and removes what was made of it, unless it is there
// under its name or the next start gives it that.
func (s *Store) packEnd() {
	p := &s.w.packing
	if p.of.name == "" {
		return
	}
	p.close()
	if !p.chained {
		if err := s.removeIf(partial(p.of.name)); err != nil {
			s.conf.Logger.Warn("what was compressed of a segment cannot be removed", "file", partial(p.of.name), "error", err)
		}
	}
	*p = packing{encoder: p.encoder, todo: p.todo, rest: p.rest, frames: p.frames[:0], text: p.text, packed: p.packed}
}

// close closes both files.
func (p *packing) close() {
	for _, f := range []file{p.in, p.out} {
		if f != nil {
			_ = f.Close()
		}
	}
	p.in, p.out = nil, nil
}

// newEncoder returns what compresses the frames of segments.
func newEncoder(how string) (*zstd.Encoder, error) {
	switch how {
	case "":
		return nil, nil
	case "zstd":
		return zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(frameSize),
			zstd.WithSingleSegment(true), zstd.WithLowerEncoderMem(true), zstd.WithEncoderCRC(true))
	}
	return nil, fmt.Errorf("no way to compress is called %q; there is zstd", how)
}
