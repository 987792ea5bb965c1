package feed

import "github.com/qubesbeat/qubesbeat/internal/packet"

// portSet is a set of ports, one bit for each.
type portSet [65536 / 64]uint64

func (s *portSet) add(port uint16)      { s[port>>6] |= 1 << (port & 63) }
func (s *portSet) has(port uint16) bool { return s[port>>6]&(1<<(port&63)) != 0 }

// Ports selects packets by port. The zero value selects none.
type Ports struct {
	tcp, udp portSet
	icmp     bool
}

// AddTCP selects the TCP segments from and to a port.
func (p *Ports) AddTCP(port uint16) { p.tcp.add(port) }

// AddUDP selects the UDP datagrams from and to a port.
func (p *Ports) AddUDP(port uint16) { p.udp.add(port) }

// AddICMP selects the messages of both versions of ICMP.
func (p *Ports) AddICMP() { p.icmp = true }

// hasProto reports whether any packet of a protocol is selected.
func (p *Ports) hasProto(proto uint8) bool {
	switch proto {
	case packet.ProtoTCP:
		return p.tcp != portSet{}
	case packet.ProtoUDP:
		return p.udp != portSet{}
	case packet.ProtoICMP, packet.ProtoICMPv6:
		return p.icmp
	}
	return false
}

// Has reports whether a packet is selected.
func (p *Ports) Has(k *packet.Packet) bool {
	switch k.Proto {
	case packet.ProtoTCP:
		return p.tcp.has(k.SrcPort) || p.tcp.has(k.DstPort)
	case packet.ProtoUDP:
		return p.udp.has(k.SrcPort) || p.udp.has(k.DstPort)
	case packet.ProtoICMP, packet.ProtoICMPv6:
		return p.icmp
	}
	return false
}
