package wire

import (
	"encoding/binary"

	"github.com/qubesbeat/qubesbeat/internal/feed"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// packetHead is the length of a packet without its payload.
const packetHead = 8 + 4 + 5 + 4 + 8 + 32

// AppendPacket appends the encoding of a packet to b. spoofed says that its source
// address is not one of the qube that sent it.
func AppendPacket(b []byte, p *feed.Packet, spoofed bool) []byte {
	b = binary.LittleEndian.AppendUint64(b, uint64(p.Time))
	b = binary.LittleEndian.AppendUint32(b, p.Iface)
	b = append(b, byte(p.Direction), p.Family, p.Proto, p.Flags, 0)
	if spoofed {
		b[len(b)-1] = 1
	}
	b = binary.LittleEndian.AppendUint16(b, p.SrcPort)
	b = binary.LittleEndian.AppendUint16(b, p.DstPort)
	b = binary.LittleEndian.AppendUint32(b, p.Seq)
	b = binary.LittleEndian.AppendUint32(b, p.Ack)
	b = append(b, p.Src[:]...)
	b = append(b, p.Dst[:]...)
	return append(b, p.Payload...)
}

// ParsePacket decodes a packet, whose payload is a part of b. The error is
// [ErrDamaged].
func ParsePacket(b []byte) (p feed.Packet, spoofed bool, err error) {
	if len(b) < packetHead {
		return p, false, ErrDamaged
	}
	p.Time, p.Iface = int64(binary.LittleEndian.Uint64(b)), binary.LittleEndian.Uint32(b[8:])
	p.Direction, p.Family, p.Proto, p.Flags, spoofed = packet.Direction(b[12]), b[13], b[14], b[15], b[16] != 0
	p.SrcPort, p.DstPort = binary.LittleEndian.Uint16(b[17:]), binary.LittleEndian.Uint16(b[19:])
	p.Seq, p.Ack = binary.LittleEndian.Uint32(b[21:]), binary.LittleEndian.Uint32(b[25:])
	p.Src, p.Dst = packet.Addr(b[29:45]), packet.Addr(b[45:61])
	if payload := b[packetHead:]; len(payload) > 0 {
		p.Payload = payload
	}
	return p, spoofed, nil
}

// AppendName appends the name of an interface, which holds for the packets that
// follow, to b.
func AppendName(b []byte, iface uint32, name string) []byte {
	return append(binary.LittleEndian.AppendUint32(b, iface), name...)
}

// ParseName decodes the name of an interface. The error is [ErrDamaged].
func ParseName(b []byte) (iface uint32, name string, err error) {
	if len(b) < 4 {
		return 0, "", ErrDamaged
	}
	return binary.LittleEndian.Uint32(b), string(b[4:]), nil
}
