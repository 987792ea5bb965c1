package verify

import (
	"encoding/binary"

	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/qvmfirewall"
)

// memoSets is how many sets of two conversations of a vif are remembered with their class.
// It is a power of two.
const memoSets = 64

// memo remembers the class of the last conversations of a vif, so that most packets need
// no look at the inventory or at rules. A conversation that is pushed out is classified
// again: that costs time and nothing else.
type memo struct{ entries [2 * memoSets]remembered }

// plainSets is how many sets of two pairs of addresses of a vif are remembered with their
// class. It is a power of two.
const plainSets = 128

// plainClasses remember the classes of the last pairs of addresses of a vif. Of two that
// have their place in one set, neither pushes the other out.
type plainClasses [plainSets][2]plainClass

// plainClass is the class of a pair of addresses in one direction, for a qube of which
// nothing is expected that depends on more.
type plainClass struct {
	src, dst packet.Addr
	known    bool
	family   uint8
	outbound bool
	class    class
	spoofed  bool
	doh      bool // the destination is a server of DNS over HTTPS
}

// find returns the class of a packet's addresses, nil if it is not remembered.
func (c *plainClasses) find(p *packet.Packet, outbound bool) *plainClass {
	set := c.set(p)
	switch {
	case set[0].is(p, outbound):
		return &set[0]
	case set[1].is(p, outbound):
		return &set[1]
	}
	return nil
}

// settled reports whether TCP and UDP between these addresses can change no verdict.
func (a *plainClass) settled() bool { return a.class == classOutside && !a.spoofed && !a.doh }

// add remembers the class of a packet's addresses.
func (c *plainClasses) add(p *packet.Packet, outbound bool, what class, spoofed bool) *plainClass {
	set := c.set(p)
	set[1] = set[0]
	set[0] = plainClass{known: true, family: p.Family, dst: p.Dst, src: p.Src, outbound: outbound, class: what, spoofed: spoofed}
	return &set[0]
}

// set returns where a packet's addresses have their place.
func (c *plainClasses) set(p *packet.Packet) *[2]plainClass {
	h := (binary.LittleEndian.Uint64(p.Dst[:]) ^ binary.LittleEndian.Uint64(p.Dst[8:])) * 0x9e3779b97f4a7c15
	h ^= (binary.LittleEndian.Uint64(p.Src[:]) ^ binary.LittleEndian.Uint64(p.Src[8:])) * 0xc2b2ae3d27d4eb4f
	return &c[h>>57&(plainSets-1)]
}

// is reports whether this is the class of a packet's addresses.
func (a *plainClass) is(p *packet.Packet, outbound bool) bool {
	return a.dst == p.Dst && a.src == p.Src && a.outbound == outbound && a.known && a.family == p.Family && !p.IsICMP()
}

// remembered is a conversation in one direction.
type remembered struct {
	src, dst packet.Addr
	tag      uint64 // see tagOf
	outbound bool
	valid    bool
	class    class
	seen     uint8 // packets, up to learnFrom
	spoofed  bool
	doh      bool // DNS over HTTPS, by the server's address
	ruled    qvmfirewall.Ruling
	settled  bool // none of its packets can change a verdict; see settles
}

// find returns a packet's conversation, and whether it is remembered; if not, the place for
// it, from which the older of two was pushed out.
func (m *memo) find(p *packet.Packet, outbound bool) (e *remembered, ok bool) {
	if e = m.look(p, outbound); e != nil {
		return e, true
	}
	i := m.place(p)
	m.entries[i+1] = m.entries[i]
	return &m.entries[i], false
}

// look returns a packet's conversation, nil if it is not remembered.
func (m *memo) look(p *packet.Packet, outbound bool) *remembered {
	i, tag := m.place(p), tagOf(p, outbound)
	if e := &m.entries[i]; e.tag == tag && e.dst == p.Dst && e.src == p.Src && e.valid {
		return e
	}
	if e := &m.entries[i+1]; e.tag == tag && e.dst == p.Dst && e.src == p.Src && e.valid {
		return e
	}
	return nil
}

// place returns the first of two places of a packet's conversation.
func (m *memo) place(p *packet.Packet) int {
	h := binary.LittleEndian.Uint32(p.Dst[:]) ^ binary.LittleEndian.Uint32(p.Dst[12:])
	h ^= binary.LittleEndian.Uint32(p.Src[:]) ^ uint32(p.SrcPort) ^ uint32(p.DstPort)<<7 ^ uint32(p.Proto)<<3
	h *= 0x9e3779b1
	return int(h>>26&(memoSets-1)) * 2
}

// tagOf returns what tells conversations between two addresses apart. A fragment has that of
// no conversation that is remembered.
func tagOf(p *packet.Packet, outbound bool) uint64 {
	tag := uint64(portsOf(p)) | uint64(p.Proto)<<32 | uint64(p.Family)<<40 | uint64(p.Fragment)<<56
	if outbound {
		tag |= 1 << 48
	}
	return tag
}

// set remembers a packet's conversation.
func (e *remembered) set(p *packet.Packet, outbound bool, c class) {
	*e = remembered{src: p.Src, dst: p.Dst, tag: tagOf(p, outbound), outbound: outbound,
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
