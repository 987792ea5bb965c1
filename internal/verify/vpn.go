package verify

import (
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/tunnelmark"
)

// vpn judges a packet of a qube that is to use a tunnel only.
// spoofed says that the source of the packet is not an address of the qube.
func (v *Verifier) vpn(s *subject, c class, p *packet.Packet, frame []byte, spoofed bool) {
	switch c {
	case classEndpoint:
		v.toEndpoint(s, p, frame, spoofed)
	case classNoise:
		v.stats.NotJudged++
	case classMagic, classLocal:
		v.vpnDNS(s, c, p, frame)
	case classICMPError:
		v.vpnError(s, p, frame)
	case classLAN:
		v.vpnLAN(s, p, frame)
	case classQube:
		v.besides(s, setOf(VPN1, VPN6)|v.besideByDNS(p), p, frame, queryName(p, frame))
	case classEndpointHost:
		v.besideEndpoint(s, p, frame)
	default:
		v.beside(s, p, frame)
	}
}

// besideByDNS returns the checks that a packet beside the tunnel speaks against by being one of
// DNS, also over HTTPS to a server that is known for it.
func (v *Verifier) besideByDNS(p *packet.Packet) set {
	if isDNS(p) || isHTTPS(p) && v.servesDoH(p) {
		return setOf(VPN5, DNS3)
	}
	return 0
}

// vpnLAN judges a packet to a local network. That the user allows these is not meant for DNS.
func (v *Verifier) vpnLAN(s *subject, p *packet.Packet, frame []byte) {
	byDNS := v.besideByDNS(p)
	if s.expect.Own&OwnLAN != 0 && byDNS == 0 || s.asksTime(p, frame) {
		v.stats.Own++
		return
	}
	which := setOf(VPN1) | s.ofLAN() | byDNS | s.beside(p)
	if s.mayBeItself(classLAN, p) && !s.expect.lacksEndpoint() {
		v.await(which)
		return
	}
	v.besides(s, which, p, frame, queryName(p, frame))
}

// ofLAN returns the check that a packet to a local network speaks against, if no endpoint that is
// not known may be there.
func (s *subject) ofLAN() set {
	if s.expect.lacksEndpoint() {
		return 0
	}
	return setOf(VPN6)
}

// besides counts a packet beside the tunnel. If it looks like one, it is a tunnel to somewhere else. If no endpoint is
// known, only what is certain counts: a packet that looks like a tunnel, on whatever port, may be that of this one.
func (v *Verifier) besides(s *subject, which set, p *packet.Packet, frame []byte, name string) {
	if !isDNS(p) && v.shapeOf(s, p, frame) == shapeTunnel {
		which |= setOf(VPN10)
	}
	if s.expect.lacksEndpoint() {
		which &= withoutEndpoint
		if which == 0 || recognise(p, frame) != "" {
			v.stats.NotJudged++
			return
		}
	}
	v.against(s, which, p, frame, name)
}

// besideEndpoint judges a packet to the address of an endpoint, and not to its port.
func (v *Verifier) besideEndpoint(s *subject, p *packet.Packet, frame []byte) {
	v.besides(s, setOf(VPN1, VPN7)|v.besideByDNS(p), p, frame, queryName(p, frame))
}

// vpnDNS judges what goes to the resolver, or to this machine. The resolver of Qubes is nothing
// but that: whatever else is sent to its address goes to the outside.
func (v *Verifier) vpnDNS(s *subject, c class, p *packet.Packet, frame []byte) {
	switch {
	case isDNS(p):
	case c == classMagic:
		v.beside(s, p, frame)
		return
	default:
		v.stats.NotJudged++ // ISO-4 has it
		return
	}
	if s.asksNothing(p, frame, v.now) {
		v.stats.NotJudged++
		return
	}
	name, cut, isFramed := queryName(p, frame), isCut(p, frame), s.isFramed(p, frame)
	if name != "" && s.expect.hasName(name) && (cut || isFramed && asksOnly(p, frame)) {
		v.stats.Own++
		if !cut && s.owns(p) && s.taken(p, frame) {
			s.records[VPN5].agrees(p, v.now)
		}
		return
	}
	v.besides(s, setOf(VPN1, VPN5, DNS3)|s.beside(p)&^setOf(VPN2), p, frame, name)
}

// vpnError judges an ICMP error: one about a packet of an endpoint is a part of the tunnel.
func (v *Verifier) vpnError(s *subject, p *packet.Packet, frame []byte) {
	dst := p.Dst.Netip(p.Family)
	_, host := s.expect.endpoint(p, dst)
	c := v.relation(s, p, dst)
	if host || c == classLocal || v.conf.World.Local(dst) || magic(dst) {
		v.stats.NotJudged++ // to the endpoint, to this machine, or to the resolver
		return
	}
	which := setOf(VPN1) | s.beside(p)
	switch {
	case c == classQube:
		which |= setOf(VPN6)
	case localNetwork(dst) && s.expect.Own&OwnLAN != 0:
		v.stats.Own++
		return
	case localNetwork(dst):
		which |= s.ofLAN()
	}
	v.besides(s, which, p, frame, "")
}

// beside judges a packet to the outside that is not for an endpoint.
func (v *Verifier) beside(s *subject, p *packet.Packet, frame []byte) {
	if s.asksTime(p, frame) {
		v.stats.Own++
		return
	}
	which := setOf(VPN1) | s.beside(p) | v.besideByDNS(p)
	if p.Family == 4 && forwarded(hops(p, frame)) && !isDNS(p) {
		which |= setOf(VPN2) // a kill switch would not have forwarded it, whatever the tunnel does
	}
	which |= v.probes.clear(s, p, frame)
	v.besides(s, which, p, frame, queryName(p, frame))
}

// asksTime reports whether a packet is of NTP, and the user allows that: to the qube itself, and not to those behind it.
func (s *subject) asksTime(p *packet.Packet, frame []byte) bool {
	return p.Proto == packet.ProtoUDP && p.DstPort == portNTP && s.expect.Own&OwnNTP != 0 && !forwarded(hops(p, frame))
}

// beside returns the checks that a packet beside the tunnel speaks against, by the state of
// that.
func (s *subject) beside(p *packet.Packet) (which set) {
	if p.Family == 6 {
		which |= setOf(VPN4)
	}
	switch s.clock.State {
	case TunnelNone, TunnelBoot:
		if s.boot {
			which |= setOf(VPN3)
		}
	case TunnelSilent, TunnelDown:
		which |= setOf(VPN2)
	}
	return which
}

// toEndpoint judges a packet to an endpoint by what it looks like. A later fragment has no port,
// and a spoofed source is dropped on the way: neither is evidence of a tunnel, or of its end.
func (v *Verifier) toEndpoint(s *subject, p *packet.Packet, frame []byte, spoofed bool) {
	recognised := s.clock.Protocol
	shape := v.shapeOf(s, p, frame)
	if shape == shapeOther {
		v.besides(s, setOf(VPN1, VPN7), p, frame, "")
		return
	}
	if spoofed {
		s.clock.Protocol = recognised
		v.stats.NotJudged++
		return
	}
	v.turnClock(s, p, frame, shape)
	if p.Fragment == packet.FragmentLater {
		v.stats.NotJudged++
		return
	}
	v.agree(s, VPN1, p)
	if p.Family == 6 {
		s.records[VPN4].agrees(p, v.now)
	}
	if shape == shapeTunnel {
		s.records[VPN7].agrees(p, v.now)
		s.records[VPN10].agrees(p, v.now)
	}
	v.probes.tunnelled(s, p, frame, v.now)
}

// turnClock has the clock of the tunnel know of a packet to an endpoint.
func (v *Verifier) turnClock(s *subject, p *packet.Packet, frame []byte, shape shape) {
	begins, waits := s.sends(p, frame)
	if begins || s.clock.State != TunnelUp || v.now-s.clock.unanswered > silentAfter {
		s.clock.update(v.now, v.woke)
	}
	if p.Proto == packet.ProtoTCP {
		s.clock.segment(p, begins, waits && !begins && (shape == shapeTunnel || s.expect.Protocol == ProtocolAny))
	}
	s.clock.sent(p.Time, v.now, begins, waits)
	if waits || p.Proto != packet.ProtoTCP {
		v.probes.sent(s, p)
	}
	if s.clock.State == TunnelNone {
		s.clock.State = TunnelBoot
	}
}

// answered notes a packet from an endpoint.
func (s *subject) answered(p *packet.Packet, frame []byte, now int64) {
	if p.Proto == packet.ProtoTCP && p.TCPFlags&(packet.FIN|packet.RST) != 0 {
		if s.clock.carrier == (connection{p.Src, p.DstPort, p.SrcPort}) {
			s.clock.closed = true
			s.clock.update(now, 0)
		}
		return
	}
	s.clock.answer(p.Time, now)
	s.boot = false
	if s.clock.State != TunnelUp {
		s.clock.update(now, 0)
	}
}

// sends reports whether a packet begins a handshake of the tunnel, and whether it waits for
// an answer, which a keepalive does not.
func (s *subject) sends(p *packet.Packet, frame []byte) (begins, waits bool) {
	payload, ok := p.Payload(frame)
	if !ok {
		return false, false
	}
	switch n := length(p, frame, payload); {
	case p.Proto == packet.ProtoTCP:
		begins = opens(p)
		return begins, begins || n > 0
	case s.expect.Protocol == ProtocolWireGuard:
		return tunnelmark.ReadWireGuard(payload, n) == tunnelmark.WGInitiation, n != tunnelmark.WGKeepalive
	case s.expect.Protocol == ProtocolOpenVPN:
		return tunnelmark.ReadOpenVPN(payload, n) == tunnelmark.OVReset, true
	}
	return false, true
}
