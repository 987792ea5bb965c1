package clienthello

import (
	"encoding/binary"
	"fmt"
)

// The types of frames that RFC 9000 section 12.4 allows in an Initial.
const (
	framePadding = 0x00
	framePing    = 0x01
	frameACK     = 0x02
	frameACKECN  = 0x03
	frameCrypto  = 0x06
	frameClose   = 0x1c
)

// frames walks the frames of an Initial and collects CRYPTO data. It returns an
// error wrapping ErrMalformed or ErrTooLarge.
func (s *QUIC) frames(payload []byte, cost *spent) error {
	r := reader{b: payload}
	for r.skipPadding(); len(r.b) > 0; r.skipPadding() {
		at := len(payload) - len(r.b)
		if cost.frames++; cost.frames > maxFrames {
			return fmt.Errorf("%d frames: %w", cost.frames, ErrTooLarge)
		}
		typ := r.uint8()
		switch typ {
		case framePing:
		case frameACK, frameACKECN:
			skipACK(&r, typ)
		case frameCrypto:
			offset, data := r.varint(), r.varbytes()
			if err := s.crypto.add(offset, data); err != nil {
				return err
			}
		case frameClose:
			r.varint() // error code
			r.varint() // frame type
			r.varbytes()
		default:
			return fmt.Errorf("frame of type %#x at byte %d: %w", typ, at, ErrMalformed)
		}
		if r.short {
			return fmt.Errorf("truncated frame of type %#x at byte %d: %w", typ, at, ErrMalformed)
		}
	}
	return nil
}

// skipPadding skips PADDING frames, each of which is a zero.
func (r *reader) skipPadding() {
	for len(r.b) >= 8 && binary.LittleEndian.Uint64(r.b) == 0 {
		r.b = r.b[8:]
	}
	for len(r.b) > 0 && r.b[0] == framePadding {
		r.b = r.b[1:]
	}
}

// maxRanges is how many ranges of an ACK frame are read. A client acknowledges a few
// packets before its handshake is over.
const maxRanges = 64

// skipACK skips the fields of an ACK frame (RFC 9000 section 19.3).
func skipACK(r *reader, typ uint8) {
	r.varint() // largest acknowledged
	r.varint() // delay
	ranges := r.varint()
	r.varint() // first range
	if ranges > maxRanges {
		r.short = true
	}
	for ; ranges > 0 && !r.short; ranges-- {
		r.varint() // gap
		r.varint() // length
	}
	for i := 0; i < 3 && typ == frameACKECN; i++ {
		r.varint() // ECN counts
	}
}
