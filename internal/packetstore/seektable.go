package packetstore

import (
	"errors"
	"fmt"
)

// packedFrame is a frame of zstd (RFC 8878) with a part of a segment's text.
type packedFrame struct {
	at, text int64 // offsets in the file and in the text
	size, n  int   // bytes in the file and of the text
}

// The seek table of a compressed segment: a skippable frame at its end, as the seekable format of
// zstd has it (contrib/seekable_format/zstd_seekable_compression_format.md), without sums, which
// the frames have.
const (
	skippableMagic = 0x184d2a5e
	seekableMagic  = 0x8f92eab1
	skippableHead  = 8
	seekEntry      = 8
	seekFooter     = 9
	maxSeekFrames  = 1 << 16 // a position has 32 bits, in units of 4 bytes
)

// appendSeekTable appends the table of frames to the last of them.
func appendSeekTable(b []byte, frames []packedFrame) []byte {
	b = le.AppendUint32(b, skippableMagic)
	b = le.AppendUint32(b, uint32(len(frames)*seekEntry+seekFooter))
	for i := range frames {
		b = le.AppendUint32(b, uint32(frames[i].size))
		b = le.AppendUint32(b, uint32(frames[i].n))
	}
	b = append(le.AppendUint32(b, uint32(len(frames))), 0)
	return le.AppendUint32(b, seekableMagic)
}

// errTable is wrapped by errors about compressed segments.
var errTable = errors.New("damaged table of a compressed segment")

// readSeekTable reads the table of a compressed segment. It believes nothing in it.
func readSeekTable(f file) (frames []packedFrame, err error) {
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	var foot [seekFooter]byte
	if size < skippableHead+seekFooter {
		return nil, fmt.Errorf("%w: the file has %d bytes", errTable, size)
	}
	if _, err := f.ReadAt(foot[:], size-seekFooter); err != nil {
		return nil, err
	}
	n := int64(le.Uint32(foot[:]))
	length := skippableHead + n*seekEntry + seekFooter
	if le.Uint32(foot[5:]) != seekableMagic || foot[4] != 0 || n > maxSeekFrames || length > size {
		return nil, fmt.Errorf("%w: there is none at the end", errTable)
	}
	b := make([]byte, length)
	if _, err := f.ReadAt(b, size-length); err != nil {
		return nil, err
	}
	if le.Uint32(b) != skippableMagic || int64(le.Uint32(b[4:])) != length-skippableHead {
		return nil, fmt.Errorf("%w: it does not begin where it should", errTable)
	}
	return parseSeekTable(b[skippableHead:length-seekFooter], size-length)
}

// parseSeekTable parses the entries of frames that fill size bytes.
func parseSeekTable(b []byte, size int64) (frames []packedFrame, err error) {
	var at, text int64
	for ; len(b) > 0; b = b[seekEntry:] {
		f := packedFrame{at: at, text: text, size: int(le.Uint32(b)), n: int(le.Uint32(b[4:]))}
		if f.size == 0 || f.size > 2*frameSize || f.n == 0 || f.n > frameSize {
			return nil, fmt.Errorf("%w: a frame of %d bytes with %d", errTable, f.size, f.n)
		}
		frames = append(frames, f)
		at, text = at+int64(f.size), text+int64(f.n)
	}
	if at != size {
		return nil, fmt.Errorf("%w: its frames have %d bytes; there are %d", errTable, at, size)
	}
	return frames, nil
}
