package feed

import (
	"encoding/binary"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// Packet is the copy of one packet. Payload is not shared with the capture.
type Packet struct {
	Time      int64 // nanoseconds since the Unix epoch
	Iface     uint32
	Direction packet.Direction

	Family           uint8 // 4 or 6
	Proto            uint8 // TCP, UDP, ICMP or ICMPv6
	Flags            uint8 // of TCP
	Src, Dst         packet.Addr
	SrcPort, DstPort uint16
	Seq, Ack         uint32 // of TCP

	// Payload follows the transport header; for ICMP it begins with the header.
	Payload []byte
}

// readTransport reads the header fields that the meter does not need and returns
// what follows them. ok is false if the header is truncated or malformed.
func (p *Packet) readTransport(b []byte) (payload []byte, ok bool) {
	switch p.Proto {
	case packet.ProtoTCP:
		return p.readTCP(b)
	case packet.ProtoUDP:
		return udpPayload(b)
	}
	// Analyzers read the first eight bytes of an ICMP message without checking its
	// length (RFC 792; RFC 4443 section 2.1 has four, and four of the body).
	return b, len(b) >= 8
}

// readTCP reads a TCP header (RFC 9293 section 3.1).
func (p *Packet) readTCP(b []byte) (payload []byte, ok bool) {
	if len(b) < 20 {
		return nil, false
	}
	header := int(b[12]>>4) * 4
	if header < 20 || header > len(b) {
		return nil, false
	}
	p.Seq, p.Ack = binary.BigEndian.Uint32(b[4:]), binary.BigEndian.Uint32(b[8:])
	return b[header:], true
}

// udpPayload skips a UDP header (RFC 768). An impossible length comes from
// segmentation offload or is a lie: then the payload ends where the packet does.
func udpPayload(b []byte) (payload []byte, ok bool) {
	if len(b) < 8 {
		return nil, false
	}
	if n := int(binary.BigEndian.Uint16(b[4:])); n >= 8 && n < len(b) {
		b = b[:n]
	}
	return b[8:], true
}
