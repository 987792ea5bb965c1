package packetstore

import (
	"errors"
	"io/fs"
	"slices"
)

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

// errAltered is the error of packChain for a segment that was changed since it was sealed: compressed,
// it would get a line that says that it is whole.
var errAltered = errors.New("it was changed since it was sealed, and stays as it is")

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
	p.at, p.end, p.sum = 0, 0, nil
	if p.want != "" {
		p.sum = newSum()
	}
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
	if p.sum != nil {
		_, _ = p.sum.Write(p.text) // never fails
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
	to := packedName(p.of.name)
	if !p.chained {
		if err := s.packChain(to); err != nil {
			return err
		}
	}
	if err := s.files.Rename(partial(p.of.name), to); err != nil && !s.isWhole(to) { // it has its name already
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
	s.packEnd()
	return nil
}

// packChain writes the line of the compressed segment, all of which is on the disk then.
func (s *Store) packChain(to string) error {
	p := &s.w.packing
	if p.sum != nil && p.sum.text() != p.want {
		return errAltered
	}
	if err := errors.Join(p.out.Sync(), s.files.SyncDir(p.of.folder)); err != nil {
		return err
	}
	if f, err := s.files.Open(p.of.name); err != nil {
		return err
	} else if err := f.Close(); err != nil {
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
