package tunnelmark

import "encoding/binary"

// IPsec is what a UDP packet of IPsec carries (RFC 7296, RFC 3948). ESP without UDP is an
// IP protocol of its own and needs no marks.
type IPsec uint8

// What packets carry; IPsecNone is no packet of IPsec.
const (
	IPsecNone IPsec = iota
	IPsecIKE
	IPsecESP
	IPsecKeepalive
)

// The ports of IKE, and of IKE and ESP behind NAT.
const (
	PortIKE  = 500
	PortNATT = 4500
)

// ikeHeader is the length of the header of a message of IKE (RFC 7296 section 3.1).
const ikeHeader = 28

// ReadIPsec returns what a UDP payload carries that was sent from or to port and had
// length bytes on the wire.
func ReadIPsec(port uint16, payload []byte, length int) IPsec {
	switch port {
	case PortIKE:
		return ike(payload, length)
	case PortNATT:
		return natTraversal(payload, length)
	}
	return IPsecNone
}

func natTraversal(payload []byte, length int) IPsec {
	switch {
	case length == 1 && len(payload) == 1 && payload[0] == 0xff:
		return IPsecKeepalive
	case length < 8 || len(payload) < 8:
		return IPsecNone
	case binary.BigEndian.Uint32(payload) == 0: // RFC 3948 section 2.2
		return ike(payload[4:], length-4)
	case binary.BigEndian.Uint32(payload) > 255: // smaller SPIs are reserved, RFC 4303 section 2.1
		return IPsecESP
	}
	return IPsecNone
}

// ike reads the header of IKE of version 1 or 2.
func ike(b []byte, length int) IPsec {
	if length < ikeHeader || len(b) < ikeHeader {
		return IPsecNone
	}
	version := b[17] >> 4
	if binary.BigEndian.Uint64(b) == 0 || version != 1 && version != 2 || binary.BigEndian.Uint32(b[24:]) != uint32(length) {
		return IPsecNone
	}
	return IPsecIKE
}
