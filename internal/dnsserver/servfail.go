package dnsserver

import "encoding/binary"

const (
	headerLen   = 12
	maxLabel    = 63
	questionEnd = 5 // root label, type and class
	flagQR      = 1 << 15
	flagsKept   = 0x7900 // opcode and RD
	flagRA      = 1 << 7
	servFail    = 2
)

// appendServFail appends a SERVFAIL answer to a message whose handling has failed, so
// that it trusts nothing in it. The question is repeated if it can be found. It
// appends nothing if there is no header, or if the message is an answer itself: two
// servers could send each other errors without end.
func appendServFail(dst, msg []byte) []byte {
	if len(msg) < headerLen || binary.BigEndian.Uint16(msg[2:])&flagQR != 0 {
		return dst
	}
	end := headerLen
	for end < len(msg) && msg[end] != 0 && msg[end] <= maxLabel {
		end += 1 + int(msg[end])
	}
	questions := uint16(1)
	if end += questionEnd; end > len(msg) || msg[end-questionEnd] != 0 || binary.BigEndian.Uint16(msg[4:]) == 0 {
		end, questions = headerLen, 0
	}
	at := len(dst)
	dst = append(dst, msg[:end]...)
	h := dst[at:]
	binary.BigEndian.PutUint16(h[2:], flagQR|binary.BigEndian.Uint16(h[2:])&flagsKept|flagRA|servFail)
	binary.BigEndian.PutUint16(h[4:], questions)
	clear(h[6:headerLen])
	return dst
}
