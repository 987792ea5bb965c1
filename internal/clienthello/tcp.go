package clienthello

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// maxRecord is the size in bytes of the largest plaintext of a record (RFC 8446
// section 5.1).
const maxRecord = 1 << 14

// maxRecords is how many records of one segment are read. Clients send a ClientHello
// in one or two records; some cut it into more to confuse observers.
const maxRecords = 512

// recordHandshake is the content type of a record with messages of the handshake (RFC 8446
// section 5.1).
const recordHandshake = 22

// IsTLSClient reports whether payload, the first of a TCP connection's client,
// looks like the beginning of a ClientHello: a handshake record of any version
// from SSL 3.0 to TLS 1.3 with a handshake message of type 1 and of less than 64
// KiB. Of a payload shorter than 7 bytes, which some clients send on purpose, it
// checks what there is; it reports false for an empty one. It does not allocate.
func IsTLSClient(payload []byte) bool {
	if len(payload) == 0 || !isRecord(payload) {
		return false
	}
	if len(payload) > 5 && payload[5] != typeClientHello {
		return false
	}
	// The first byte of the length must be 0, unless the record ends before it.
	return len(payload) < 7 || payload[6] == 0 || payload[3] == 0 && payload[4] == 1
}

// isRecord reports whether b may start a handshake record: content type, version
// 3.0 to 3.4, and a length that is neither 0 nor too large.
func isRecord(b []byte) bool {
	if len(b) >= 5 {
		n := binary.BigEndian.Uint16(b[3:])
		return b[0] == recordHandshake && b[1] == 3 && b[2] <= 4 && n > 0 && n <= maxRecord
	}
	most := [4]byte{recordHandshake, 3, 4, maxRecord >> 8}
	for i, c := range b {
		if c > most[i] || i < 2 && c != most[i] {
			return false
		}
	}
	return true
}

// TCP collects the ClientHello from the client's side of a TCP connection. The
// zero value is ready for use. It is not safe for concurrent access.
//
// It copies payloads only if the ClientHello is not in one record of one segment,
// and never holds more than [MaxMessage] bytes of them.
type TCP struct {
	result
	buf   []byte  // the message so far, without record headers
	head  [5]byte // the first nhead bytes of a record's header
	left  int     // bytes of the record that are still to come
	nhead uint8
}

// Feed takes the payload of the next segment, in the order of the stream, and
// returns the status. It does nothing for an empty one, and once the status is not
// More. A repetition of the first segment is recognised; any other must not be fed
// twice. Feed neither changes segment nor keeps it.
func (s *TCP) Feed(segment []byte) Status {
	if s.status != More || s.isCopy(segment) {
		return s.status
	}
	for records := 0; len(segment) > 0 && s.status == More; {
		if s.left == 0 {
			if records++; records > maxRecords {
				s.end(Hello{}, fmt.Errorf("%d records in one segment: %w", records, ErrTooLarge))
				break
			}
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

// Size returns how many bytes are allocated for payload at the moment, at most
// [MaxMessage].
func (s *TCP) Size() int { return cap(s.buf) }

// isCopy reports whether segment repeats the beginning of the stream. It would be
// wrong only for a message that contains itself, with its random of 32 bytes.
func (s *TCP) isCopy(segment []byte) bool {
	const least = 5 + 4 + 2 + 32 // the headers, legacy_version and random
	return len(s.buf) > 0 && len(segment) >= least && IsTLSClient(segment) && bytes.HasPrefix(s.buf, segment[5:])
}

// header reads as much of a record's header as segment has and returns the rest.
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

// notRecord returns the error for bytes that are not a record's header.
func (s *TCP) notRecord() error {
	if len(s.buf) == 0 {
		return ErrNotTLS
	}
	return fmt.Errorf("invalid record after %d bytes of the message: %w", len(s.buf), ErrMalformed)
}

// message takes a part of the message and parses the message once it is complete.
// What follows it in the record is ignored.
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
