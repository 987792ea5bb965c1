package periodic

import (
	"encoding/binary"
	"errors"
)

// ErrMalformed is returned for a series that cannot be.
var ErrMalformed = errors.New("periodic: malformed series")

// Size is what an encoded series takes, in bytes.
const Size = 3*8 + 2*4*Ring + 4*4 + 5

// Append appends the series to dst, in a form that [Series.Decode] reads.
func (s *Series) Append(dst []byte) []byte {
	le := binary.LittleEndian
	for _, t := range [...]int64{s.first, s.last, s.raw} {
		dst = le.AppendUint64(dst, uint64(t))
	}
	for i := range Ring {
		dst = le.AppendUint32(le.AppendUint32(dst, s.gaps[i]), s.sizes[i])
	}
	for _, n := range [...]uint32{s.merge, s.seen, s.merged, s.next} {
		dst = le.AppendUint32(dst, n)
	}
	return append(dst, s.n, s.head, s.sized, s.sizeHead, s.passed)
}

// Decode reads what Append has written, [Size] bytes. It returns ErrMalformed for anything
// else.
func (s *Series) Decode(b []byte) error {
	if len(b) != Size {
		return ErrMalformed
	}
	le := binary.LittleEndian
	for _, t := range [...]*int64{&s.first, &s.last, &s.raw} {
		*t, b = int64(le.Uint64(b)), b[8:]
	}
	for i := range Ring {
		s.gaps[i], s.sizes[i], b = le.Uint32(b), le.Uint32(b[4:]), b[8:]
	}
	for _, n := range [...]*uint32{&s.merge, &s.seen, &s.merged, &s.next} {
		*n, b = le.Uint32(b), b[4:]
	}
	s.n, s.head, s.sized, s.sizeHead, s.passed = b[0], b[1], b[2], b[3], b[4]
	if s.n > Ring || s.sized > Ring || s.head >= Ring || s.sizeHead >= Ring || uint32(s.n) > s.seen {
		return ErrMalformed
	}
	return nil
}
