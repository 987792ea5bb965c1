package capture

import (
	"golang.org/x/net/bpf"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// SnapPolicy decides how much of each packet is captured. What is not copied out
// of the kernel costs nothing, so packets that nothing asks for in full are cut
// behind their headers. Fragments, tunnels and tagged frames are always captured
// in full.
type SnapPolicy struct {
	TCPPorts    []uint16 // packets from or to these ports are captured in full
	UDPPorts    []uint16 // packets from or to these ports are captured in full
	ICMP        bool     // ICMP and ICMPv6 are captured in full
	ClientHello bool     // the first packet of TLS and QUIC clients is captured in full, on any port
	FullLen     uint32   // bytes of a packet that is captured in full; 0 means 262144
	HeaderLen   uint32   // bytes of any other packet; 0 means DefaultSnap
	PlainLen    uint32   // bytes of a longer one whose headers are plain, HeaderLen at most; 0 means DefaultPlain
	Relief      uint32   // HeaderLen while the meter is behind, see [Ring]; 0 means no other
	Datagrams   bool     // a UDP datagram that is not longer than HeaderLen counts as any other packet; else it is cut to PlainLen
	FullOnly    bool     // packets that are not captured in full are not captured at all
}

// DefaultPlain, in bytes, covers the headers of TCP and UDP over IP with all options of IPv4
// and TCP: 14 + 60 + 60. Only a packet in VXLAN, and one of a ClientHello, has more to read: its
// last one ends with PSH, and what a client cuts into small segments is captured whole. The less is copied, the more packets are in a block of the
// ring, and the reader is woken for each block.
const DefaultPlain = 144

// WholeFrame, in bytes, is more than any frame has that fits into a block of the ring:
// libpcap's largest snap length. Segmentation offload makes frames of 65,549 bytes and
// their tags.
const WholeFrame = 262144

// Lengths of headers, in bytes; of TCP and IPv4 without options.
const (
	etherLen = 14
	ip4Len   = 20
	ip6Len   = 40
	tcpLen   = 20
	udpLen   = 8
)

// snaps adds the part of a program that decides how much of a frame is captured.
// It never reads beyond the end of a frame: that would end the program, and the
// frame would not be metered.
func (a *assembler) snaps(p *SnapPolicy) {
	a.label("snap")
	a.add(bpf.LoadExtension{Num: bpf.ExtLinkLayerType})
	a.when(bpf.JumpEqual, arphrdEther, "ether")
	a.when(bpf.JumpEqual, arphrdLoopback, "ether")
	a.network(p, "raw", 0)
	a.network(p, "ether", etherLen)
	a.label("full")
	a.add(bpf.RetConstant{Val: orDefault(p.FullLen, WholeFrame)})
	a.label("headers")
	if p.FullOnly {
		a.label("plain")
		a.label("cut")
		a.add(bpf.RetConstant{Val: 0})
		return
	}
	a.add(bpf.RetConstant{Val: orDefault(p.HeaderLen, DefaultSnap)})
	a.label("plain")
	most := orDefault(p.HeaderLen, DefaultSnap)
	a.add(bpf.LoadExtension{Num: bpf.ExtLen}, bpf.JumpIf{Cond: bpf.JumpGreaterThan, Val: most, SkipTrue: 1},
		bpf.RetConstant{Val: most})
	a.label("cut")
	a.add(bpf.RetConstant{Val: min(orDefault(p.PlainLen, DefaultPlain), most)})
}

// orDefault returns n, or usual if n is 0.
func orDefault(n, usual uint32) uint32 {
	if n == 0 {
		return usual
	}
	return n
}

// ARPHRD_ETHER and ARPHRD_LOOPBACK of Linux' if_arp.h: devices whose frames begin
// with an Ethernet header.
const (
	arphrdEther    = 1
	arphrdLoopback = 772
)

// network reads the IP header, which begins at base.
func (a *assembler) network(p *SnapPolicy, name string, base uint32) {
	a.label(name)
	a.add(bpf.LoadExtension{Num: bpf.ExtLen})
	a.when(bpf.JumpLessThan, base+ip4Len, "headers")
	if base > 0 {
		a.etherType(name)
	} else {
		a.version(name)
	}
	a.label(name + "6")
	a.add(bpf.LoadExtension{Num: bpf.ExtLen})
	a.when(bpf.JumpLessThan, base+ip6Len, "headers")
	a.add(bpf.LoadConstant{Dst: bpf.RegX, Val: ip6Len}, bpf.LoadAbsolute{Off: base + 6, Size: 1})
	a.transport(p, name+"6", base)
	a.label(name + "4")
	a.add(bpf.LoadAbsolute{Off: base + 6, Size: 2})
	a.when(bpf.JumpBitsSet, 0x3fff, "full") // fragments are reassembled
	a.add(bpf.LoadMemShift{Off: base}, bpf.LoadAbsolute{Off: base + 9, Size: 1})
	a.transport(p, name+"4", base)
}

// version branches on the first bits of the IP header.
func (a *assembler) version(name string) {
	a.add(bpf.LoadAbsolute{Off: 0, Size: 1}, bpf.ALUOpConstant{Op: bpf.ALUOpShiftRight, Val: 4})
	a.when(bpf.JumpEqual, 4, name+"4")
	a.when(bpf.JumpEqual, 6, name+"6")
	a.jump("headers")
}

// etherType branches on the type of an Ethernet frame. A frame with a VLAN tag,
// which is rare, is captured in full.
func (a *assembler) etherType(name string) {
	a.add(bpf.LoadAbsolute{Off: 12, Size: 2})
	a.when(bpf.JumpEqual, 0x0800, name+"4")
	a.when(bpf.JumpEqual, 0x86dd, name+"6")
	a.when(bpf.JumpEqual, 0x8100, "full")
	a.when(bpf.JumpEqual, 0x88a8, "full")
	a.jump("headers")
}

// transport branches on the protocol, which is in the accumulator. The transport
// header begins at base + X.
func (a *assembler) transport(p *SnapPolicy, name string, base uint32) {
	a.when(bpf.JumpEqual, packet.ProtoTCP, name+"tcp")
	a.when(bpf.JumpEqual, packet.ProtoUDP, name+"udp")
	for _, proto := range []uint32{packet.ProtoIPv4, packet.ProtoIPv6, packet.ProtoGRE, 0, 43, 44, 60} {
		a.when(bpf.JumpEqual, proto, "full") // another header comes before the transport header
	}
	if p.ICMP {
		a.when(bpf.JumpEqual, packet.ProtoICMP, "full")
		a.when(bpf.JumpEqual, packet.ProtoICMPv6, "full")
	}
	a.jump("headers")

	a.label(name + "tcp")
	a.room(base, tcpLen)
	a.ports(base, p.TCPPorts)
	if p.ClientHello {
		a.add(bpf.LoadIndirect{Off: base + 13, Size: 1}, bpf.StoreScratch{Src: bpf.RegA, N: 0})
		a.add(bpf.LoadIndirect{Off: base + 12, Size: 1}, bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: 0xf0},
			bpf.ALUOpConstant{Op: bpf.ALUOpShiftRight, Val: 2}, bpf.ALUOpX{Op: bpf.ALUOpAdd}, bpf.TAX{})
		a.room(base, 2)
		a.add(bpf.LoadIndirect{Off: base, Size: 2}) // a handshake record of TLS (RFC 8446 section 5.1)
		a.when(bpf.JumpEqual, 0x1603, "full")
		a.add(bpf.LoadScratch{Dst: bpf.RegA, N: 0})
		a.when(bpf.JumpBitsSet, packet.PSH, "headers")
	}
	a.jump("plain")

	a.label(name + "udp")
	a.room(base, udpLen)
	a.ports(base, p.UDPPorts)
	if p.ClientHello {
		a.room(base, udpLen+1)
		a.add(bpf.LoadIndirect{Off: base + udpLen, Size: 1}, bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: 0xc0})
		a.when(bpf.JumpEqual, 0xc0, "full") // a long header of QUIC (RFC 9000 section 17.2)
	}
	a.add(bpf.LoadIndirect{Off: base + 2, Size: 2})
	a.when(bpf.JumpEqual, packet.PortVXLAN, "headers")
	if p.Datagrams {
		a.jump("plain")
	} else {
		a.jump("cut")
	}
}

// room makes sure that there are n bytes at base + X; a shorter frame is cut.
func (a *assembler) room(base, n uint32) {
	a.add(bpf.LoadExtension{Num: bpf.ExtLen}, bpf.JumpIfX{Cond: bpf.JumpGreaterThan, SkipTrue: 1})
	a.jump("headers")
	a.add(bpf.ALUOpX{Op: bpf.ALUOpSub})
	a.when(bpf.JumpLessThan, base+n, "headers")
}

// ports captures the frame in full if one of its ports is wanted.
func (a *assembler) ports(base uint32, wanted []uint16) {
	for _, off := range []uint32{0, 2} {
		if len(wanted) > 0 {
			a.add(bpf.LoadIndirect{Off: base + off, Size: 2})
		}
		for _, port := range wanted {
			a.when(bpf.JumpEqual, uint32(port), "full")
		}
	}
}
