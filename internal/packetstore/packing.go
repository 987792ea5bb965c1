package packetstore

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"
)

// packing is the compression of sealed segments, one frame at a time while there is nothing
// to write. A segment is replaced when all of it is on the disk, and stays as it is otherwise.
type packing struct {
	encoder *zstd.Encoder
	todo    []string // names of sealed segments that are not compressed
	rest    time.Time

	of       known         // the segment that is being compressed; its name is "" if there is none
	in, out  file          // nil once out is complete
	at, size int64         // of the text: what is compressed, and all of it
	end      int64         // of out
	chained  bool          // the line of the compressed segment is written
	frames   []packedFrame // sizes only
	text     []byte
	packed   []byte
}

// add enters a sealed segment.
func (p *packing) add(name string) {
	if p.encoder != nil && !isPacked(name) && !isEncrypted(name) {
		p.todo = append(p.todo, name)
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
	if err := s.packOn(); errors.Is(err, errNoRoom) {
		p.todo = append(p.todo, p.of.name)
		s.packEnd(true)
		p.rest = begun.Add(ageEvery)
		return false
	} else if err != nil {
		s.bump(func(c *counters) { c.faults++ })
		s.conf.Logger.Warn("a segment is not compressed; the next start tries again", "segment", p.of.name, "error", err)
		s.packEnd(true)
	}
	p.rest = begun.Add(2 * time.Since(begun))
	return true
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
		name := p.todo[0]
		p.todo = p.todo[1:]
		folder, _ := splitName(name)
		if k := s.w.catalog.find(folder, name); k != nil {
			p.of = *k
			return true
		}
	}
	return false
}

// packOn compresses the next frame, or replaces the segment by what was compressed.
func (s *Store) packOn() error {
	p := &s.w.packing
	if p.in == nil && !p.chained {
		if err := s.packBegin(); err != nil {
			return err
		}
	}
	if p.at < p.size {
		return p.frame()
	}
	return s.packReplace()
}

// errNoRoom is the error of packBegin if there is no room for both files: that is tried again.
var errNoRoom = errors.New("packetstore: no room to compress")

// packBegin opens both files.
func (s *Store) packBegin() (err error) {
	p := &s.w.packing
	if p.in, err = s.files.Open(p.of.name); err != nil {
		return err
	}
	if p.size, err = p.in.Size(); err != nil {
		return err
	}
	if free, err := s.files.Free(); err != nil || free-p.size < s.conf.MinFree {
		return errors.Join(errNoRoom, err)
	}
	p.at, p.end = 0, 0
	name := partial(p.of.name)
	if err := s.files.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := s.files.Create(name)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil { // frames are no pages
		return err
	}
	p.out, err = s.files.Edit(name)
	return err
}

// partial returns the name of a compressed segment that is not complete.
func partial(segment string) string { return packedName(segment) + ".tmp" }

// syncFrames is after how many frames they are brought to the disk: all at once would keep the
// writer from other work for too long.
const syncFrames = 16

// frame compresses a frame. Behind the last one it writes the table.
func (p *packing) frame() error {
	n := min(p.size-p.at, frameSize)
	p.text = slices.Grow(p.text[:0], int(n))[:n]
	if _, err := p.in.ReadAt(p.text, p.at); err != nil {
		return err
	}
	p.packed = p.encoder.EncodeAll(p.text, p.packed[:0])
	p.frames = append(p.frames, packedFrame{size: len(p.packed), n: int(n)})
	if p.at += n; p.at == p.size {
		p.packed = appendSeekTable(p.packed, p.frames)
	}
	if _, err := p.out.WriteAt(p.packed, p.end); err != nil {
		return err
	}
	p.end += int64(len(p.packed))
	if len(p.frames)%syncFrames == 0 {
		return p.out.Sync()
	}
	return nil
}

// packReplace replaces the segment. A crash leaves one of both, or both, and the next start
// finishes it.
func (s *Store) packReplace() error {
	p := &s.w.packing
	if s.w.catalog.find(p.of.folder, p.of.name) == nil {
		s.packEnd(true) // it was removed meanwhile
		return nil
	}
	to := packedName(p.of.name)
	if !p.chained {
		if err := s.packChain(to); err != nil {
			return err
		}
	}
	if err := s.files.Rename(partial(p.of.name), to); err != nil {
		return err
	}
	if err := s.files.SyncDir(p.of.folder); err != nil {
		return err
	}
	if err := s.files.Remove(p.of.name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	s.w.catalog.replace(p.of.folder, p.of.name, to, rounded(p.end)+p.of.index)
	s.bump(func(c *counters) { c.compressed++ })
	s.packEnd(false)
	return nil
}

// packChain writes the line of the compressed segment, all of which is on the disk then.
func (s *Store) packChain(to string) error {
	p := &s.w.packing
	if err := p.out.Sync(); err != nil {
		return err
	}
	sum, err := s.sumOf(p.out, p.end)
	if err != nil {
		return err
	}
	x, err := s.readIndex(indexName(to))
	if err != nil {
		return err
	}
	l := Line{At: s.conf.Now(), Event: Sealed, Name: to, Bytes: p.end, Packets: p.of.packets, First: p.of.first, Last: p.of.last,
		Segment: sum, Index: x.digest, Reason: "compressed"}
	if err := s.w.chain.append(&l); err != nil {
		return err
	}
	p.chained = true
	return nil
}

// packEnd ends the compression of a segment. undo removes what was made of it.
func (s *Store) packEnd(undo bool) {
	p := &s.w.packing
	for _, f := range []file{p.in, p.out} {
		if f != nil {
			_ = f.Close()
		}
	}
	if undo && !p.chained {
		if err := s.files.Remove(partial(p.of.name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			s.conf.Logger.Warn("what was compressed of a segment cannot be removed", "file", partial(p.of.name), "error", err)
		}
	}
	*p = packing{encoder: p.encoder, todo: p.todo, frames: p.frames[:0], text: p.text, packed: p.packed}
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

// resumePacking finishes, or undoes, what a crash has left of a compression in the folder
// of a qube, whose entries it returns as they are then.
func (s *Store) resumePacking(folder string, entries []fs.DirEntry) ([]fs.DirEntry, error) {
	changed := false
	for _, e := range entries {
		name := folder + "/" + e.Name()
		plain, isPartial := strings.CutSuffix(name, packedSuffix+".tmp")
		var err error
		switch {
		case isPartial && s.w.lines[packedName(plain)]: // all of it was written
			if err = errors.Join(s.files.Rename(name, packedName(plain)), s.files.SyncDir(folder)); err == nil {
				err = s.removeIf(plain)
			}
		case isPartial && segmentForm.MatchString(strings.TrimPrefix(plain, folder+"/")):
			err = s.files.Remove(name)
		case isPacked(name) && segmentForm.MatchString(e.Name()):
			err = s.removeIf(plainName(name))
		default:
			continue
		}
		if changed = true; err != nil {
			return nil, err
		}
	}
	if !changed {
		return entries, nil
	}
	return s.files.List(folder)
}

// removeIf removes a file if it is there.
func (s *Store) removeIf(name string) error {
	if err := s.files.Remove(name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
