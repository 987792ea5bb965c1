package verify

import (
	"encoding/binary"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// traceKey finds a packet again on another interface: masquerading changes the source, and leaves the
// rest of it as it is.
type traceKey struct {
	dst   packet.Addr
	hash  uint64 // of the mark; 0 in a key that leaves it out
	size  uint32 // of transport header and payload, bytes
	id    uint32 // identification of IPv4, flow label of IPv6
	proto uint8
}

// markSize is how many bytes of a payload are in the mark of a packet.
const markSize = 64

// imprint is what a packet looks like on each interface that it crosses. Its mark tells it from another
// qube's of that size to there.
type imprint struct {
	traceKey
	mark  [2 + markSize]byte
	n     uint8 // of mark, in use
	short bool  // the capture is cut off in front of the end of the mark
}

// take makes an imprint of a packet. The mark is the port or the type of ICMP, and what masquerading leaves
// as it is behind it: the sequence number of TCP, the payload of UDP, sequence number and data of an ICMP query
// (what ping puts first there is the time), and all of ESP. An ICMP error has none of these, because the packet in it is
// translated, too.
func (x *imprint) take(p *packet.Packet, frame []byte) {
	t, size := p.Transport(frame), wireSize(p, frame)
	x.traceKey = traceKey{dst: p.Dst, proto: p.Proto, size: uint32(size), id: identification(p, frame)} //nolint:gosec // of a packet
	from, most := markOf(p)
	n := 0
	if p.HasL4 {
		port := p.DstPort
		if p.IsICMP() {
			port = uint16(p.ICMPType)
		}
		binary.BigEndian.PutUint16(x.mark[:], port)
		n = 2
	}
	n += copy(x.mark[n:n+most], t[min(from, len(t)):])
	x.n = uint8(n) //nolint:gosec // no more than mark has
	x.short = isCut(p, frame) && p.Fragment != packet.FragmentLater && len(t) < min(from+most, size)
	x.hash = hashOf(x.mark[:n])
}

// markOf returns where in a packet, from its transport header on, the bytes begin that its mark has, and how
// many there are at the most.
func markOf(p *packet.Packet) (from, most int) {
	switch {
	case p.Proto == packet.ProtoESP:
		return 0, markSize
	case !p.HasL4:
		return 0, 0
	case p.Proto == packet.ProtoTCP:
		return 4, 4
	case p.Proto == packet.ProtoUDP:
		return 8, markSize
	case isQuery(p):
		return 6, markSize
	}
	return 0, 0
}

// rough returns the key without the mark.
func (k traceKey) rough() traceKey {
	k.hash = 0
	return k
}

// like reports whether two imprints may be of one packet: they are the same as far as both were captured.
func (x *imprint) like(other *imprint) bool {
	n := min(x.n, other.n)
	return x.rough() == other.rough() && string(x.mark[:n]) == string(other.mark[:n])
}

// identification returns that of an IPv4 header, or the flow label of IPv6, by which Linux tells flows apart: what
// forwards a packet leaves both as they are.
func identification(p *packet.Packet, frame []byte) uint32 {
	const at4, label = 4, 1<<20 - 1
	switch h := ipHeader(p, frame); {
	case h == nil:
		return 0
	case p.Family == 6:
		return binary.BigEndian.Uint32(h) & label
	default:
		return uint32(binary.BigEndian.Uint16(h[at4:]))
	}
}

// hashOf returns a hash of some bytes: that of FNV-1a, by words of eight bytes.
func hashOf(b []byte) (h uint64) {
	const begin, prime = 14695981039346656037, 1099511628211
	h = begin
	for ; len(b) >= 8; b = b[8:] {
		h = (h ^ binary.LittleEndian.Uint64(b)) * prime
		h ^= h >> 32
	}
	for _, one := range b {
		h = (h ^ uint64(one)) * prime
	}
	return h
}
