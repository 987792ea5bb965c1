package packet

import "encoding/binary"

// The sizes in bytes of the headers that Payload steps over: the smallest TCP
// header (RFC 9293 section 3.1) and the UDP header (RFC 768).
const (
	minTCPHeader = 20
	udpHeader    = 8
)

// Payload returns what follows the innermost TCP or UDP header of frame, the
// slice that was decoded; of a first fragment, the part that it carries. The
// result is a part of frame. ok is false for other protocols, for a later
// fragment and where [TransportPayload] reports false.
func (p *Packet) Payload(frame []byte) (payload []byte, ok bool) {
	if p.Fragment == FragmentLater {
		return nil, false
	}
	return TransportPayload(p.Proto, p.Transport(frame))
}

// SegmentBegins reports whether the payload of a segment of TCP begins with a byte. It is a quick
// look before [Packet.Payload], and may report true where that returns none: a segment without a
// payload is looked at like any other, so that the core has nothing to guess. p must be of TCP.
func (p *Packet) SegmentBegins(frame []byte, with byte) bool {
	at := uint(p.TransportAt)
	if at+minTCPHeader > uint(len(frame)) {
		return false
	}
	at += uint(frame[at+12]>>4) * 4
	return frame[min(at, uint(len(frame))-1)] == with
}

// TransportPayload returns what follows the TCP or UDP header that transport
// starts with, as [Packet.Transport] or the reassembly of fragments returns it.
// ok is false for other protocols and where the header is cut or its data offset
// is impossible; where ok is true, a TCP header of at least 20 bytes was there.
//
// A UDP length that is impossible is ignored and the payload ends with the
// packet: segmentation offload leaves such lengths behind, and a lie must not hide
// the payload.
func TransportPayload(proto uint8, transport []byte) (payload []byte, ok bool) {
	switch proto {
	case ProtoTCP:
		return tcpPayload(transport)
	case ProtoUDP:
		return udpPayload(transport)
	}
	return nil, false
}

// tcpPayload steps over the header and its options: the data offset counts words
// of four bytes (RFC 9293 section 3.1).
func tcpPayload(b []byte) ([]byte, bool) {
	if len(b) < minTCPHeader {
		return nil, false
	}
	header := int(b[12]>>4) * 4
	if header < minTCPHeader || header > len(b) {
		return nil, false
	}
	return b[header:], true
}

// udpPayload steps over the header and cuts what the datagram does not claim.
func udpPayload(b []byte) ([]byte, bool) {
	if len(b) < udpHeader {
		return nil, false
	}
	if n := int(binary.BigEndian.Uint16(b[4:])); n >= udpHeader && n < len(b) {
		b = b[:n:n]
	}
	return b[udpHeader:], true
}
