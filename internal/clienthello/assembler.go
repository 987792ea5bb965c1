package clienthello

import (
	"bytes"
	"fmt"
	"slices"
	"sort"
)

// maxSpans is how many separate parts of the CRYPTO stream are kept. Chrome, which
// shuffles them on purpose, makes about ten.
const maxSpans = 64

// span is a range of bytes that have arrived.
type span struct{ from, to int }

// assembler reassembles the CRYPTO frames of a client (RFC 9000 section 19.6).
// The zero value is empty and ready for use.
type assembler struct {
	buf   []byte // bytes outside of spans are zero
	spans []span // in order, with gaps between them
}

// add takes the data of a frame. It returns an error wrapping ErrTooLarge, or
// ErrMalformed if the data contradict earlier data for the same offsets: it is
// unknown then which of them the server reads.
func (a *assembler) add(offset uint64, data []byte) error {
	if len(data) == 0 {
		return nil
	}
	if offset+uint64(len(data)) > MaxMessage { // a varint is below 1<<62
		return fmt.Errorf("CRYPTO data at offset %d: %w", offset, ErrTooLarge)
	}
	s := span{from: int(offset), to: int(offset) + len(data)} //nolint:gosec // at most MaxMessage
	i, j := a.touched(s)
	for _, old := range a.spans[i:j] {
		from, to := max(s.from, old.from), min(s.to, old.to)
		if from < to && !bytes.Equal(a.buf[from:to], data[from-s.from:to-s.from]) {
			return fmt.Errorf("conflicting CRYPTO data at offset %d: %w", from, ErrMalformed)
		}
	}
	a.buf = grow(a.buf, s.to)
	copy(a.buf[s.from:], data)
	if i < j {
		s.from, s.to = min(s.from, a.spans[i].from), max(s.to, a.spans[j-1].to)
	}
	a.spans = slices.Replace(a.spans, i, j, s)
	if len(a.spans) > maxSpans {
		return fmt.Errorf("%d parts of CRYPTO data: %w", len(a.spans), ErrTooLarge)
	}
	return nil
}

// touched returns the range [i:j] of the spans that overlap s or are next to it.
func (a *assembler) touched(s span) (i, j int) {
	i = sort.Search(len(a.spans), func(n int) bool { return a.spans[n].to >= s.from })
	j = i
	for j < len(a.spans) && a.spans[j].from <= s.to {
		j++
	}
	return i, j
}

// message returns the ClientHello, nil until it is complete. It is a part of a.buf.
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
