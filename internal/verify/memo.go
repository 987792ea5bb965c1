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
type memo struct {
	entries [2 * memoSets]remembered
	// byAddress says that the class of a packet, unless it is of ICMP, depends on addresses and
	// protocol alone: then conversations that differ in ports are one here. It does not change
	// within an epoch.
	byAddress bool
}

// remembered is a conversation in one direction.
type remembered struct {
	src, dst packet.Addr
	tag      uint64 // see memo.tagOf
	outbound bool
	epoch    uint32 // of the verifier, in which this is true; 0 for never
	class    class
	ports    uint32 // of the last packet
	looked   uint8  // packets with these ports, up to learnFrom
	spoofed  bool
	doh      bool // the destination is a server known for DNS over HTTPS
	foreign  bool // the destination is no qube's
	ruled    qvmfirewall.Ruling
}

// find returns a packet's conversation, and whether it is remembered of this epoch; if not, the
// place for it, from which the older of two was pushed out.
func (m *memo) find(p *packet.Packet, outbound bool, epoch uint32) (e *remembered, ok bool) {
	ports := m.portsOf(p)
	i, tag := pairOf(p, ports), tagOf(p, ports, outbound)
	for n := range 2 {
		if e := &m.entries[i+n]; e.tag == tag && e.dst == p.Dst && e.src == p.Src && e.epoch == epoch {
			return e, true
		}
	}
	m.entries[i+1] = m.entries[i]
	e = &m.entries[i]
	*e = remembered{src: p.Src, dst: p.Dst, tag: tag, outbound: outbound}
	if p.Fragment == packet.FragmentNone {
		e.epoch = epoch
	}
	return e, false
}

// portsOf returns the ports that tell conversations apart.
func (m *memo) portsOf(p *packet.Packet) uint32 {
	if m.byAddress && !p.IsICMP() {
		return 0
	}
	return portsOf(p)
}

// pairOf returns the first of two places of a packet's conversation.
func pairOf(p *packet.Packet, ports uint32) int {
	h := binary.LittleEndian.Uint32(p.Dst[:]) ^ binary.LittleEndian.Uint32(p.Dst[12:])
	h ^= binary.LittleEndian.Uint32(p.Src[:]) ^ ports>>16 ^ ports<<7 ^ uint32(p.Proto)<<3
	h *= 0x9e3779b1
	return int(h>>26&(memoSets-1)) * 2
}

// tagOf returns what tells conversations between two addresses apart. A fragment has that of
// no conversation that is remembered.
func tagOf(p *packet.Packet, ports uint32, outbound bool) uint64 {
	tag := uint64(ports) | uint64(p.Proto)<<32 | uint64(p.Family)<<40 | uint64(p.Fragment)<<56
	if outbound {
		tag |= 1 << 48
	}
	return tag
}

// portsOf returns both ports, or type and identifier of an ICMP message.
func portsOf(p *packet.Packet) uint32 {
	if p.IsICMP() {
		return uint32(p.ICMPType)<<24 | uint32(p.ICMPCode)<<16 | uint32(p.ICMPID)
	}
	return uint32(p.SrcPort)<<16 | uint32(p.DstPort)
}

// lookedAt returns how many packets of a conversation were looked at for marks of tunnels, 0 if
// the last packet here was of another one.
func (e *remembered) lookedAt(p *packet.Packet) uint8 {
	if ports := portsOf(p); e.ports != ports {
		e.ports, e.looked = ports, 0
	}
	return e.looked
}
