// Package stun reads the messages of STUN (RFC 8489) by which a host asks a server under which
// address it is seen.
//
// All input is hostile, and may be cut. Nothing here panics or allocates.
package stun

import (
	"encoding/binary"
	"net/netip"
)

// ID identifies a transaction: an answer has that of its question.
type ID [12]byte

const (
	headerSize  = 20
	cookie      = 0x2112A442 // RFC 8489 section 5
	bindRequest = 0x0001
	bindSuccess = 0x0101
	xorMapped   = 0x0020
	family4     = 1
	family6     = 2
)

// Request returns the transaction of a binding request. ok is false if payload, that of a UDP
// packet, is none.
func Request(payload []byte) (id ID, ok bool) { return header(payload, bindRequest) }

// Mapped returns the address and port under which the server has seen the host, from the
// XOR-MAPPED-ADDRESS of the success response to a request. ok is false if payload is no such
// answer, or is cut before the address.
func Mapped(payload []byte, asked ID) (at netip.AddrPort, ok bool) {
	if id, is := header(payload, bindSuccess); !is || id != asked {
		return at, false
	}
	rest := payload[headerSize:min(len(payload), headerSize+int(binary.BigEndian.Uint16(payload[2:])))]
	for len(rest) >= 4 {
		kind, n := binary.BigEndian.Uint16(rest), int(binary.BigEndian.Uint16(rest[2:]))
		if 4+n > len(rest) {
			return at, false
		}
		if kind == xorMapped {
			return address(rest[4:4+n], payload[4:headerSize])
		}
		rest = rest[min(len(rest), 4+(n+3)&^3):]
	}
	return at, false
}

// header reads the header of a message of a type.
func header(b []byte, kind uint16) (id ID, ok bool) {
	if len(b) < headerSize || binary.BigEndian.Uint16(b) != kind || binary.BigEndian.Uint32(b[4:]) != cookie || b[3]&3 != 0 {
		return id, false
	}
	copy(id[:], b[8:])
	return id, true
}

// address reads the value of a XOR-MAPPED-ADDRESS: the address is masked with the cookie and the
// transaction, which are key.
func address(value, key []byte) (netip.AddrPort, bool) {
	if len(value) < 4 {
		return netip.AddrPort{}, false
	}
	port := binary.BigEndian.Uint16(value[2:]) ^ cookie>>16
	var a [16]byte
	masked := value[4:]
	if len(masked) > len(a) {
		return netip.AddrPort{}, false
	}
	for i, b := range masked {
		a[i] = b ^ key[i]
	}
	switch {
	case value[1] == family4 && len(masked) == 4:
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(a[:4])), port), true
	case value[1] == family6 && len(masked) == 16:
		return netip.AddrPortFrom(netip.AddrFrom16(a), port), true
	}
	return netip.AddrPort{}, false
}
