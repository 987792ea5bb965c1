package tunnelmark

import "encoding/binary"

// OpenVPN is what a packet of OpenVPN does (OpenVPN, src/openvpn/ssl_pkt.h).
type OpenVPN uint8

// What packets do; OVNone is no packet of OpenVPN.
const (
	OVNone    OpenVPN = iota
	OVReset           // a client begins a session
	OVAnswer          // a server answers that
	OVControl         // negotiation, or its acknowledgement
	OVData            // one byte of marks only: a weak sign
)

// OVOverhead is what OpenVPN adds to an inner packet with an AEAD cipher, in bytes of UDP
// payload: opcode and peer id, packet id, tag.
const OVOverhead = 24

// minControl is the length of the shortest control packet: opcode, session id, number of
// acknowledgements, packet id.
const minControl = 14

// The opcodes that are in use, in the upper five bits of the first byte.
const (
	opSoftReset  = 3
	opControl    = 4
	opAck        = 5
	opDataV1     = 6
	opResetC2    = 7
	opResetS2    = 8
	opDataV2     = 9
	opResetC3    = 10
	opControlWKC = 11
)

// ReadOpenVPN returns what the packet in a UDP payload does that had length bytes on the
// wire, OVNone if it is not one of OpenVPN's.
func ReadOpenVPN(payload []byte, length int) OpenVPN {
	if len(payload) < 1 || length < len(payload) {
		return OVNone
	}
	op := payload[0] >> 3
	if op == opDataV1 || op == opDataV2 {
		if length <= OVOverhead/2 {
			return OVNone
		}
		return OVData
	}
	if length < minControl || len(payload) < 9 || binary.BigEndian.Uint64(payload[1:]) == 0 {
		return OVNone
	}
	switch op {
	case opResetC2, opResetC3:
		if payload[0]&7 != 0 { // the first key of a session
			return OVNone
		}
		return OVReset
	case opResetS2:
		return OVAnswer
	case opSoftReset, opControl, opAck, opControlWKC:
		return OVControl
	}
	return OVNone
}

// ReadOpenVPNTCP is [ReadOpenVPN] for the first packet in a TCP payload, which has a
// length of two bytes in front.
func ReadOpenVPNTCP(payload []byte, length int) OpenVPN {
	if len(payload) < 3 {
		return OVNone
	}
	n := int(binary.BigEndian.Uint16(payload))
	if n == 0 || n > length-2 {
		return OVNone
	}
	return ReadOpenVPN(payload[2:min(len(payload), 2+n)], n)
}
