package verify

import (
	"net/netip"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// class is what a packet of a qube is about, by its destination; or of one to a qube, by its
// source.
type class uint8

const (
	classNone         class = iota
	classNoise              // link-local: nothing forwards it
	classLocal              // this machine
	classMagic              // the resolver of Qubes
	classQube               // another qube
	classEndpoint           // an endpoint of the tunnel
	classEndpointHost       // the address of an endpoint, and not its port
	classICMPError          // about a packet from there
	classLAN                // a local network
	classOutside
)

const (
	portDNS   = 53
	portDoT   = 853
	portNTP   = 123
	portHTTP  = 80
	portHTTPS = 443
)

// protoIGMP is the protocol by which members of groups tell routers of them, which forward none of
// it (RFC 3376 section 4).
const protoIGMP = 2

// isDNS reports whether a packet goes to a port of DNS, also over TLS or QUIC.
func isDNS(p *packet.Packet) bool {
	return (p.DstPort == portDNS || p.DstPort == portDoT) && (p.Proto == packet.ProtoTCP || p.Proto == packet.ProtoUDP)
}

// hidesPorts reports whether a packet may be of TCP or UDP, and its ports are not known: it has more extension
// headers than are read, or they are not in this fragment, or not in the capture.
func hidesPorts(p *packet.Packet) bool {
	if p.HasL4 || p.Fragment == packet.FragmentLater {
		return false
	}
	return p.Proto == packet.ProtoTCP || p.Proto == packet.ProtoUDP || p.Family == 6 && isExtension(p.Proto)
}

// isExtension reports whether a number is that of an extension header of IPv6 behind which another header may be (IANA,
// "IPv6 Extension Header Types").
func isExtension(proto uint8) bool {
	switch proto {
	case 0, 43, 44, 51, 60, 135, 139, 140:
		return true
	}
	return false
}

// classify returns the class of a packet that a qube has sent.
func (v *Verifier) classify(s *subject, p *packet.Packet) class {
	dst, src := p.Dst.Netip(p.Family), p.Src.Netip(p.Family)
	switch {
	case linkScope(dst), src.IsUnspecified(), p.Proto == protoIGMP && dst.IsMulticast():
		return classNoise
	case isICMPError(p):
		return classICMPError
	case v.conf.World.Local(dst):
		return classLocal
	case magic(dst):
		return classMagic
	}
	if c := v.relation(s, p, dst); c != classNone {
		return c
	}
	if s.expect != nil {
		switch at, host := s.expect.endpoint(p, dst); {
		case at:
			return classEndpoint
		case host:
			return classEndpointHost
		}
	}
	if localNetwork(dst) {
		return classLAN
	}
	return classOutside
}

// relation returns classQube for an address of a qube that has the same netvm, which is this
// machine, and classLocal for one of this machine, as the inventory of another one has it.
// For qubes elsewhere, which cannot be reached past this machine, it returns classNone.
func (v *Verifier) relation(s *subject, p *packet.Packet, a netip.Addr) class {
	q := v.conf.World.ByAddr(a, time.Unix(0, p.Time))
	switch {
	case q == nil || q == s.qube:
		return classNone
	case s.qube == nil || q.NetVM == s.qube.NetVM:
		return classQube
	case q.Name == s.qube.NetVM:
		return classLocal
	}
	return classNone
}

// endpoint reports whether a packet goes to an endpoint, and whether it goes to the address
// of one.
func (x *Expectation) endpoint(p *packet.Packet, dst netip.Addr) (at, host bool) {
	for i := range x.Endpoints {
		e := &x.Endpoints[i]
		if e.Addr != dst {
			continue
		}
		host = true
		sameProto := e.Proto == 0 || e.Proto == p.Proto
		if sameProto && (e.Port == 0 || e.Port == p.DstPort || p.Fragment == packet.FragmentLater) {
			return true, true
		}
	}
	return false, host
}

// linkScope reports whether an address is of the link, so that no packet to it is
// forwarded.
func linkScope(a netip.Addr) bool {
	if a.Is4() && a.IsMulticast() {
		b := a.As4()
		return b[1] == 0 && b[2] == 0 && b[0] == 224
	}
	return a.IsLinkLocalMulticast() || a.IsInterfaceLocalMulticast() || a.Is6() && a.IsLinkLocalUnicast() ||
		a == netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

// carrierNAT is the shared address space of RFC 6598.
var carrierNAT = netip.PrefixFrom(netip.AddrFrom4([4]byte{100, 64, 0, 0}), 10)

// localNetwork reports whether an address is of no public network.
func localNetwork(a netip.Addr) bool {
	return a.IsPrivate() || a.IsLinkLocalUnicast() || a.IsMulticast() || a.IsLoopback() || carrierNAT.Contains(a)
}

// isICMPError reports whether a packet is an error about another one.
func isICMPError(p *packet.Packet) bool {
	switch p.Proto {
	case packet.ProtoICMP:
		return p.HasL4 && (p.ICMPType == 3 || p.ICMPType == 11 || p.ICMPType == 12)
	case packet.ProtoICMPv6:
		return p.HasL4 && p.ICMPType >= 1 && p.ICMPType <= 4
	}
	return false
}

// discovery reports whether a packet is a message of neighbour discovery or of multicast
// listeners, which routers do not forward.
func discovery(p *packet.Packet) bool {
	return p.Proto == packet.ProtoICMPv6 && (p.ICMPType >= 130 && p.ICMPType <= 137 || p.ICMPType == 143)
}
