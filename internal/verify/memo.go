package verify

import (
	"encoding/binary"

	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/qvmfirewall"
)

// memoSize is how many conversations of a vif are remembered with their class. It is a
// power of two.
const memoSize = 64

// memo remembers the class of the last conversations of a vif, so that most packets need
// no look at the inventory or at rules. A conversation that is pushed out is classified
// again: that costs time and nothing else.
type memo struct{ entries [memoSize]remembered }

// plainSlots is how many pairs of addresses of a vif are remembered with their class.
const plainSlots = 16

// plainClass is the class of a pair of addresses.
type plainClass struct {
	src, dst packet.Addr
	known    bool
	family   uint8
	class    class
	spoofed  bool
}

// remembered is a conversation in one direction.
type remembered struct {
	src, dst packet.Addr
	ports    uint32
	proto    uint8
	family   uint8
	outbound bool
	valid    bool
	class    class
	seen     uint8 // packets, up to learnFrom
	spoofed  bool
	doh      bool // DNS over HTTPS, by the server's address
	ruled    qvmfirewall.Ruling
}

// slot returns the place of a packet's conversation.
func (m *memo) slot(p *packet.Packet) *remembered {
	h := binary.LittleEndian.Uint32(p.Dst[:]) ^ binary.LittleEndian.Uint32(p.Dst[12:])
	h ^= binary.LittleEndian.Uint32(p.Src[:]) ^ uint32(p.SrcPort) ^ uint32(p.DstPort)<<7 ^ uint32(p.Proto)<<3
	h *= 0x9e3779b1
	return &m.entries[h>>26&(memoSize-1)]
}

// find returns the place of a packet's conversation, and whether it is remembered.
func (m *memo) find(p *packet.Packet, outbound bool) (e *remembered, ok bool) {
	e = m.slot(p)
	return e, e.valid && e.ports == portsOf(p) && e.dst == p.Dst && e.src == p.Src && e.proto == p.Proto && e.family == p.Family &&
		e.outbound == outbound && p.Fragment == packet.FragmentNone
}

// set remembers a packet's conversation.
func (e *remembered) set(p *packet.Packet, outbound bool, c class) {
	*e = remembered{src: p.Src, dst: p.Dst, ports: portsOf(p), proto: p.Proto, family: p.Family, outbound: outbound,
		valid: p.Fragment == packet.FragmentNone, class: c}
}

// portsOf returns both ports, or type and identifier of an ICMP message.
func portsOf(p *packet.Packet) uint32 {
	if p.IsICMP() {
		return uint32(p.ICMPType)<<24 | uint32(p.ICMPCode)<<16 | uint32(p.ICMPID)
	}
	return uint32(p.SrcPort)<<16 | uint32(p.DstPort)
}

// clear forgets all conversations.
func (m *memo) clear() {
	for i := range m.entries {
		m.entries[i].valid = false
	}
}
