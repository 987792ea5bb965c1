package verify

import (
	"encoding/binary"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// traceKey finds a packet again on another interface: masquerading changes the source, and
// leaves destination and size. mark tells it from another qube's of that size to there.
type traceKey struct {
	dst   packet.Addr
	mark  uint64
	size  uint32 // of transport header and payload, bytes
	port  uint16
	proto uint8
}

func traceKeyOf(p *packet.Packet, frame []byte) traceKey {
	k := traceKey{dst: p.Dst, port: p.DstPort, proto: p.Proto, size: uint32(wireSize(p, frame)), mark: markOf(p, frame)} //nolint:gosec // of a packet
	if p.IsICMP() {
		k.port = uint16(p.ICMPType)
	}
	return k
}

// markSize is how many bytes of a packet its mark is made of, from where masquerading leaves them as they are.
const markSize = 64

// markOf returns a hash of what masquerading leaves as it is behind the ports of a packet: the sequence
// number of TCP, the payload of UDP, sequence number and data of an ICMP query. What ping puts first
// there is the time. An ICMP error has none, because the packet in it is translated, too.
func markOf(p *packet.Packet, frame []byte) uint64 {
	t := p.Transport(frame)
	switch {
	case !p.HasL4:
	case p.Proto == packet.ProtoTCP:
		return uint64(sequence(p, frame))
	case p.Proto == packet.ProtoUDP:
		return hashOf(t, 8)
	case isQuery(p):
		return hashOf(t, 6)
	}
	return 0
}

// hashOf returns a hash of some bytes from a place on: that of FNV-1a, by words of eight bytes.
func hashOf(b []byte, from int) (h uint64) {
	const begin, prime = 14695981039346656037, 1099511628211
	h = begin
	b = b[min(len(b), from):min(len(b), from+markSize)]
	for ; len(b) >= 8; b = b[8:] {
		h = (h ^ binary.LittleEndian.Uint64(b)) * prime
		h ^= h >> 32
	}
	for _, one := range b {
		h = (h ^ uint64(one)) * prime
	}
	return h
}
