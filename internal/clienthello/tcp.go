package clienthello

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// maxRecord is the largest plaintext of a record (RFC 8446 section 5.1).
const maxRecord = 1 << 14

// recordHandshake is the content type of handshake messages.
const recordHandshake = 22

// IsTLSClient reports whether payload, the first of a TCP connection's client,
// looks like the beginning of a ClientHello: a handshake record of any version
// from SSL 3.0 to TLS 1.3 with a handshake message of type 1 and at most
// [MaxMessage]. Of a payload shorter than 7 bytes, which some clients send on
// purpose, it sees what is there; an empty one is none. It does not allocate.
func IsTLSClient(payload []byte) bool {
	if len(payload) == 0 || !isRecord(payload) {
		return false
	}
	if len(payload) > 5 && payload[5] != typeClientHello {
		return false
	}
	// The length of the message is below 64 KiB, if its first byte is in this record.
	return len(payload) < 7 || payload[6] == 0 || payload[3] == 0 && payload[4] == 1
}

// isRecord reports whether b may start a handshake record.
func isRecord(b []byte) bool {
	if len(b) >= 5 {
		n := binary.BigEndian.Uint16(b[3:])
		return b[0] == recordHandshake && b[1] == 3 && b[2] <= 4 && n > 0 && n <= maxRecord
	}
	for i, c := range b {
		if i == 0 && c != recordHandshake || i == 1 && c != 3 || i == 2 && c > 4 || i == 3 && c > maxRecord>>8 {
			return false
		}
	}
	return true
}

// TCP collects the ClientHello from the client's side of a TCP connection. The
// zero value is ready for use. It is not safe for concurrent access.
//
// It copies payloads only where the ClientHello is not in one record of one
// segment, and never holds more than [MaxMessage] bytes of them.
type TCP struct {
	result
	buf  []byte  // the message so far, without record headers
	head [5]byte // of the record, where nhead is not 0
	left int     // bytes of the record that are still to come
	// nhead is how many bytes of head are there.
	nhead uint8
}

// Feed takes the payload of the next segment, in the order of the stream. Empty
// ones do nothing, and so do all once the status is not More. A copy of the first
// segment that comes again is recognised; any other must not be fed twice.
// Segment is not changed, and not used after Feed has returned.
func (s *TCP) Feed(segment []byte) Status {
	if s.status != More || s.isCopy(segment) {
		return s.status
	}
	for len(segment) > 0 && s.status == More {
		if s.left == 0 {
			segment = s.header(segment)
			continue
		}
		part := segment[:min(s.left, len(segment))]
		segment = segment[len(part):]
		s.left -= len(part)
		s.message(part)
	}
	if s.status != More {
		s.buf = nil
	}
	return s.status
}

// Size returns how many bytes of payload s has room for at the moment, at most
// [MaxMessage].
func (s *TCP) Size() int { return cap(s.buf) }

// isCopy reports whether segment is what the stream began with. A message would
// have to hold itself, with its random of 32 bytes, for this to be wrong.
func (s *TCP) isCopy(segment []byte) bool {
	const least = 5 + 4 + 2 + 32 // the headers, legacy_version and random
	return len(s.buf) > 0 && len(segment) >= least && IsTLSClient(segment) && bytes.HasPrefix(s.buf, segment[5:])
}

// header reads as much of a record header as there is, and returns the rest.
func (s *TCP) header(segment []byte) []byte {
	n := copy(s.head[s.nhead:], segment)
	s.nhead += uint8(n) //nolint:gosec // at most 5
	if !isRecord(s.head[:s.nhead]) {
		s.end(Hello{}, s.notRecord())
		return nil
	}
	if int(s.nhead) == len(s.head) {
		s.left = int(binary.BigEndian.Uint16(s.head[3:]))
		s.nhead = 0
	}
	return segment[n:]
}

func (s *TCP) notRecord() error {
	if len(s.buf) == 0 {
		return ErrNotTLS
	}
	return fmt.Errorf("no record after %d bytes of the message: %w", len(s.buf), ErrMalformed)
}

// message takes a part of the message and reads the message where it is whole.
// What follows it in the record is not looked at.
func (s *TCP) message(part []byte) {
	msg := part
	if held := len(s.buf); held > 0 {
		n := min(len(part), MaxMessage-held)
		s.buf = grow(s.buf, held+n)
		copy(s.buf[held:], part)
		msg = s.buf
	}
	n, err := length(msg)
	switch {
	case err != nil:
		s.end(Hello{}, err)
	case n > 0 && n <= len(msg):
		s.end(Parse(msg[:n], 0))
	case len(s.buf) == 0:
		s.buf = bytes.Clone(part)
	}
}
