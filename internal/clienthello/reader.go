package clienthello

import "encoding/binary"

// reader splits parts off the front of b. A read past the end sets short, after
// which every read returns nothing, so that callers need to check only once.
type reader struct {
	b     []byte
	short bool
}

// take returns the next n bytes, without a copy.
func (r *reader) take(n int) []byte {
	if r.short || n < 0 || n > len(r.b) {
		r.short = true
		return nil
	}
	part := r.b[:n:n]
	r.b = r.b[n:]
	return part
}

func (r *reader) uint8() uint8 {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) uint16() uint16 {
	if b := r.take(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

// vector8 and vector16 return a vector with a length of that many bits in front
// (RFC 8446 section 3.4).
func (r *reader) vector8() []byte  { return r.take(int(r.uint8())) }
func (r *reader) vector16() []byte { return r.take(int(r.uint16())) }

// varint returns a variable-length integer of RFC 9000 section 16.
func (r *reader) varint() uint64 {
	if r.short || len(r.b) == 0 {
		r.short = true
		return 0
	}
	b := r.take(1 << (r.b[0] >> 6))
	if b == nil {
		return 0
	}
	v := uint64(b[0] & 0x3f)
	for _, c := range b[1:] {
		v = v<<8 | uint64(c)
	}
	return v
}

// varbytes returns bytes with their number as a varint in front.
func (r *reader) varbytes() []byte {
	n := r.varint()
	if n > uint64(len(r.b)) {
		r.short = true
		return nil
	}
	return r.take(int(n)) //nolint:gosec // at most len(r.b)
}
