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
	case packet.ProtoTCP, packet.ProtoUDP:
		rest, ok = packet.TransportPayload(c.Proto, b)
		if ok && c.Proto == packet.ProtoTCP {
			c.Seq, c.Ack = binary.BigEndian.Uint32(b[4:]), binary.BigEndian.Uint32(b[8:])
		}
		return rest, ok
	}
	// An analyzer reads the first eight bytes of an ICMP message (RFC 792,
	// RFC 4443 section 2.1: four, and four of the body) without a look at how
	// many there are.
	return b, len(b) >= 8
}
