package verify

import (
	"encoding/binary"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// maxName bounds the name in a sample, in bytes.
const maxName = 255

// sampleOf returns a packet as a sample.
func sampleOf(s *subject, p *packet.Packet, frame []byte, name string) Sample {
	return Sample{Time: p.Time, Iface: p.Iface, Length: p.Length, Family: p.Family, Proto: p.Proto, ICMPType: p.ICMPType,
		TTL: hops(p, frame), Spoofed: !s.owns(p), SrcPort: p.SrcPort, DstPort: p.DstPort, Src: p.Src, Dst: p.Dst, Name: name[:min(len(name), maxName)]}
}

// opens reports whether a packet opens a connection of TCP.
func opens(p *packet.Packet) bool {
	return p.Proto == packet.ProtoTCP && p.TCPFlags&(packet.SYN|packet.ACK) == packet.SYN
}

// sequence returns the sequence number of a segment of TCP, 0 if it was not captured.
func sequence(p *packet.Packet, frame []byte) uint32 {
	if t := p.Transport(frame); len(t) >= 8 {
		return binary.BigEndian.Uint32(t[4:])
	}
	return 0
}

// isCut reports whether the capture has less of a packet than was on the wire.
func isCut(p *packet.Packet, frame []byte) bool { return int(p.Length) > len(frame) }

// length returns how many bytes of payload a UDP or TCP packet had on the wire.
func length(p *packet.Packet, frame []byte, payload []byte) int {
	header := len(p.Transport(frame)) - len(payload)
	if p.Proto == packet.ProtoUDP {
		if t := p.Transport(frame); len(t) >= 6 {
			if n := int(t[4])<<8 | int(t[5]); n >= 8 {
				return n - 8
			}
		}
	}
	return max(wireSize(p, frame)-header, len(payload))
}
