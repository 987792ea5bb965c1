package clienthello

import "fmt"

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
func (s *QUIC) frames(payload []byte) error {
	r := reader{b: payload}
	for len(r.b) > 0 {
		at := len(payload) - len(r.b)
		typ := r.uint8()
		switch typ {
		case framePadding, framePing:
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

// skipACK skips the fields of an ACK frame (RFC 9000 section 19.3).
func skipACK(r *reader, typ uint8) {
	r.varint() // largest acknowledged
	r.varint() // delay
	ranges := r.varint()
	r.varint() // first range
	for ; ranges > 0 && !r.short; ranges-- {
		r.varint() // gap
		r.varint() // length
	}
	for i := 0; i < 3 && typ == frameACKECN; i++ {
		r.varint() // ECN counts
	}
}
