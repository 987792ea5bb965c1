package packetstore

import (
	"fmt"
	"io"
	"sort"

	"github.com/klauspost/compress/zstd"
)

// frameSize is how much of a segment is compressed at once: what is read to find a packet.
const frameSize = 256 << 10

// unpacked is a compressed segment that reads like the segment. Frames do not depend on
// each other, so that reading begins anywhere.
type unpacked struct {
	file
	frames  []packedFrame
	decoder *zstd.Decoder
	raw     []byte // of a frame
	text    []byte // of the frame with number of
	of      int
}

// unpack returns what reads the text of a compressed segment. It closes the file with it,
// and only if there is no error.
func unpack(f file) (*unpacked, error) {
	u := &unpacked{file: f, of: -1}
	var err error
	if u.frames, err = readSeekTable(f); err != nil {
		return nil, err
	}
	u.decoder, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(2*frameSize))
	return u, err
}

// Size implements [file].
func (u *unpacked) Size() (int64, error) {
	if len(u.frames) == 0 {
		return 0, nil
	}
	last := u.frames[len(u.frames)-1]
	return last.text + int64(last.n), nil
}

// Close implements [file].
func (u *unpacked) Close() error {
	u.decoder.Close()
	return u.file.Close()
}

// ReadAt implements [io.ReaderAt]. It is not safe for concurrent use.
func (u *unpacked) ReadAt(b []byte, at int64) (n int, err error) {
	for n < len(b) {
		i := sort.Search(len(u.frames), func(i int) bool { return u.frames[i].text > at }) - 1
		if i < 0 || at >= u.frames[i].text+int64(u.frames[i].n) {
			return n, io.EOF
		}
		if err := u.load(i); err != nil {
			return n, err
		}
		m := copy(b[n:], u.text[at-u.frames[i].text:])
		n, at = n+m, at+int64(m)
	}
	return n, nil
}

// load decompresses a frame, unless it was the last one.
func (u *unpacked) load(i int) error {
	if u.of == i {
		return nil
	}
	f := &u.frames[i]
	u.of = -1
	u.raw = append(u.raw[:0], make([]byte, f.size)...)
	if _, err := u.file.ReadAt(u.raw, f.at); err != nil {
		return err
	}
	var err error
	u.text, err = u.decoder.DecodeAll(u.raw, u.text[:0])
	if err == nil && len(u.text) != f.n {
		err = fmt.Errorf("%d bytes instead of %d", len(u.text), f.n)
	}
	if err != nil {
		return fmt.Errorf("decompressing what begins at %d: %w", f.at, err)
	}
	u.of = i
	return nil
}
