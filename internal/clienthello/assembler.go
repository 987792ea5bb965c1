package clienthello

import (
	"bytes"
	"fmt"
	"slices"
)

// maxSpans is how many parts of the CRYPTO stream may stand apart at a time.
// Chrome, which shuffles on purpose, makes about ten.
const maxSpans = 64

// span is a range of bytes that are there.
type span struct{ from, to int }

// assembler puts the CRYPTO frames of a client together (RFC 9000 section 19.6).
type assembler struct {
	buf   []byte // bytes outside of spans are zero
	spans []span // in order, with gaps between them
}

// add takes the data of a frame. It returns an error wrapping ErrTooLarge, or
// ErrMalformed where the data differ from what the client said before, which
// leaves open what the server reads.
func (a *assembler) add(offset uint64, data []byte) error {
	if len(data) == 0 {
		return nil
	}
	if offset+uint64(len(data)) > MaxMessage { // a varint is below 1<<62
		return fmt.Errorf("crypto data at offset %d: %w", offset, ErrTooLarge)
	}
	s := span{from: int(offset), to: int(offset) + len(data)} //nolint:gosec // at most MaxMessage
	i, j := a.touched(s)
	for _, old := range a.spans[i:j] {
		from, to := max(s.from, old.from), min(s.to, old.to)
		if from < to && !bytes.Equal(a.buf[from:to], data[from-s.from:to-s.from]) {
			return fmt.Errorf("other crypto data than before at offset %d: %w", from, ErrMalformed)
		}
	}
	a.buf = grow(a.buf, s.to)
	copy(a.buf[s.from:], data)
	if i < j {
		s.from, s.to = min(s.from, a.spans[i].from), max(s.to, a.spans[j-1].to)
	}
	a.spans = slices.Replace(a.spans, i, j, s)
	if len(a.spans) > maxSpans {
		return fmt.Errorf("%d parts of crypto data: %w", len(a.spans), ErrTooLarge)
	}
	return nil
}

// touched returns the spans [i:j] that overlap s or are next to it.
func (a *assembler) touched(s span) (i, j int) {
	for i < len(a.spans) && a.spans[i].to < s.from {
		i++
	}
	j = i
	for j < len(a.spans) && a.spans[j].from <= s.to {
		j++
	}
	return i, j
}

// message returns the ClientHello where it is whole, nil where it is not.
func (a *assembler) message() ([]byte, error) {
	if len(a.spans) == 0 || a.spans[0].from > 0 {
		return nil, nil
	}
	begin := a.buf[:a.spans[0].to]
	n, err := length(begin)
	if err != nil || n == 0 || n > len(begin) {
		return nil, err
	}
	return begin[:n], nil
}
