package tap

import (
	"encoding/binary"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// Packet is the copy of one packet. Payload is its own memory.
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

// payload reads the header fields that the meter does not need and returns what
// follows them. ok is false where the header is cut or cannot be.
func (c *Packet) payload(b []byte) (rest []byte, ok bool) {
	switch c.Proto {
	case packet.ProtoTCP:
		return c.tcp(b)
	case packet.ProtoUDP:
		return udp(b)
	}
	// An analyzer reads the first eight bytes of an ICMP message (RFC 792,
	// RFC 4443 section 2.1: four, and four of the body) without a look at how
	// many there are.
	return b, len(b) >= 8
}

// tcp reads a header (RFC 9293 section 3.1).
func (c *Packet) tcp(b []byte) ([]byte, bool) {
	if len(b) < 20 {
		return nil, false
	}
	header := int(b[12]>>4) * 4
	if header < 20 || header > len(b) {
		return nil, false
	}
	c.Seq, c.Ack = binary.BigEndian.Uint32(b[4:]), binary.BigEndian.Uint32(b[8:])
	return b[header:], true
}

// udp steps over a header (RFC 768). A length that cannot be is that of a
// segmentation offload or a lie; the packet's own end counts then.
func udp(b []byte) ([]byte, bool) {
	if len(b) < 8 {
		return nil, false
	}
	if n := int(binary.BigEndian.Uint16(b[4:])); n >= 8 && n < len(b) {
		b = b[:n]
	}
	return b[8:], true
}
