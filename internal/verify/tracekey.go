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

// markOf returns a hash of what masquerading leaves as it is: the identification of the packet, and what is
// behind its ports: the sequence number of TCP, the payload of UDP, sequence number and data of an ICMP query,
// and all of ESP. What ping puts first there is the time. An ICMP error has none, because the packet in it is translated, too.
func markOf(p *packet.Packet, frame []byte) uint64 {
	t, id := p.Transport(frame), identification(p, frame)
	switch {
	case p.Proto == packet.ProtoESP:
		return id ^ hashOf(t, 0)
	case !p.HasL4:
	case p.Proto == packet.ProtoTCP:
		return id ^ uint64(sequence(p, frame))
	case p.Proto == packet.ProtoUDP:
		return id ^ hashOf(t, 8)
	case isQuery(p):
		return id ^ hashOf(t, 6)
	}
	return id
}

// identification returns that of an IPv4 header in the upper bits, 0 for IPv6: what forwards a packet
// leaves it as it is.
func identification(p *packet.Packet, frame []byte) uint64 {
	const at, bits = 4, 48
	if h := ipHeader(p, frame); p.Family == 4 && h != nil {
		return uint64(binary.BigEndian.Uint16(h[at:])) << bits
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
