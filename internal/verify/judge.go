package verify

import (
	"slices"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/qube"
	"github.com/qubesbeat/qubesbeat/internal/qvmfirewall"
)

// fromQube judges a packet that a qube has sent. note may be nil.
func (v *Verifier) fromQube(s *subject, p *packet.Packet, frame []byte, note *Note) settledPacket {
	if s.packets() == 0 {
		s.begun, s.begunOwn = p.Time, v.now
	}
	s.judged++
	s.last = v.now
	e, known := s.memo.find(p, false, v.epoch)
	if !known {
		v.remember(s, p, e)
	}
	looked := e.lookedAt(p)
	if note != nil {
		looked = note.looked()
	}
	c := e.class
	if c == classOutside {
		looked = s.lookAt(p, frame, looked)
	}
	e.looked = looked
	if c.uplink() {
		v.outward = max(v.now, 1)
	}
	if c != classNoise {
		s.to = destination{p.Dst, p.DstPort, p.Family, p.Proto}
	}
	v.common(s, e, p, frame)
	asks := p.Proto == packet.ProtoUDP && v.asks(s, c, p, frame) // it will ask again
	v.byExit(s, e, p, frame)
	switch {
	case v.following.checks != 0:
		v.follow(s, p, frame)
	case c != classNoise:
		v.arrive(s, p, frame)
	}
	if s.expect != nil && !s.expect.lacksEndpoint() {
		looked = learnFrom
	}
	return settledPacket{subject: s, from: true, settled: !asks && s.settles(e, p), foreign: e.foreign, looked: looked}
}

// byExit judges what is expected of the qubes with an exit.
func (v *Verifier) byExit(s *subject, e *remembered, p *packet.Packet, frame []byte) {
	switch s.exit() {
	case ExitVPN:
		v.vpn(s, e.class, p, frame, e.spoofed)
	case ExitTor:
		v.tor(s, e.class, p, frame)
	case ExitAnon:
		v.anon(s, e.class, p, frame)
	case ExitClear, ExitNone:
		v.stats.NotJudged++
	}
}

// settles reports whether no packet of a conversation can change a verdict, as long as
// nothing else changes: it goes to the outside, which no expectation is about and no rule
// forbids.
func (s *subject) settles(e *remembered, p *packet.Packet) bool {
	exit := s.exit()
	return e.epoch != 0 && e.class == classOutside && (exit == ExitClear || exit == ExitNone) && !e.spoofed && !e.overHTTPS(p) && e.ruled != qvmfirewall.Drops &&
		!isDNS(p) && !hidesPorts(p) && (!p.IsICMP() || isQuery(p) && s.rules == nil)
}

// isQuery reports whether a packet is a query of ICMP or its answer, as all of its flow are.
func isQuery(p *packet.Packet) bool {
	_, ok := p.ICMPQuery()
	return ok && p.HasL4 && p.IsICMP()
}

// remember classifies a conversation and remembers it.
func (v *Verifier) remember(s *subject, p *packet.Packet, e *remembered) {
	c := v.classify(s, p)
	if e.class = c; c == classICMPError {
		e.epoch = 0 // the next one may be about another packet
	}
	e.foreign = c == classOutside && s.qube != nil && (s.domain != qube.NoDomain || v.conf.World.ByAddr(p.Dst.Netip(p.Family), time.Unix(0, p.Time)) == nil)
	e.spoofed = c != classNoise && !s.owns(p)
	e.doh = c == classOutside && v.servesDoH(p)
	e.ruled = qvmfirewall.Unclear
	if s.rules != nil && (c == classOutside || c == classLAN || c == classEndpoint || c == classEndpointHost || c == classQube) {
		e.ruled = s.rules.Judge(p.Proto, p.Dst.Netip(p.Family), p.DstPort, p.ICMPType)
	}
}

// uplink reports whether packets of a class leave by the uplink, if nothing drops them. Those to
// other qubes do not, and what drops them are the rules of ISO-2.
func (c class) uplink() bool {
	return c == classOutside || c == classLAN || c == classEndpoint || c == classEndpointHost
}

// settled is how long changed rules may take until they are loaded, in nanoseconds.
const settled = int64(5 * time.Second)

// ruledOut judges a packet that the rules of qvm-firewall drop: it must not come out. That a
// spoofed one does not says nothing, for it does not get as far as these rules.
func (v *Verifier) ruledOut(s *subject, e *remembered, p *packet.Packet) {
	if p.Time-s.rules.Changed < settled {
		return
	}
	v.following.add(setOf(ISO6), e.class.uplink() && !e.spoofed)
}

// common judges what is expected of all qubes.
func (v *Verifier) common(s *subject, e *remembered, p *packet.Packet, frame []byte) {
	c := e.class
	if e.spoofed {
		v.following.add(setOf(ISO3), c.uplink()) // it must not come out elsewhere
	}
	if e.ruled == qvmfirewall.Drops {
		v.ruledOut(s, e, p)
	}
	if e.overHTTPS(p) {
		v.overHTTPS(s, p, frame)
	}
	switch toPeer := c == classQube || c == classICMPError && v.relation(s, p, p.Dst.Netip(p.Family)) == classQube; {
	case toPeer:
		if v.allowed(s, p, true) {
			return
		}
		if !v.reached.answered(p, v.now) {
			v.toPeer(s, p)
		}
	case c == classLocal:
		v.tryLocal(s, p, frame)
	}
	v.byPorts(s, c, p, frame)
}

// byPorts judges DNS, and what may be DNS or an attempt to reach something here and does not show it.
func (v *Verifier) byPorts(s *subject, c class, p *packet.Packet, frame []byte) {
	switch {
	case isDNS(p):
		v.commonDNS(s, c, p, frame)
	case c == classNoise, !hidesPorts(p):
	case c == classLocal:
		s.missed(setOf(ISO4), v.now)
	default:
		s.missed(mayHide, v.now)
	}
}

// commonDNS judges what is expected of the DNS of all qubes.
func (v *Verifier) commonDNS(s *subject, c class, p *packet.Packet, frame []byte) {
	ours := c == classMagic || c == classLocal
	if !ours && len(v.env.Upstreams) != 0 && !onLastHop(p, frame) {
		v.relays(s, p, frame)
	}
	switch {
	case s.exit() == ExitVPN || s.exit() == ExitTor: // judged there
	case ours:
		if queryName(p, frame) != "" && s.owns(p) && s.taken(p, frame) {
			s.records[DNS1].agrees(p, v.now)
		}
	default:
		v.record(s, DNS1, p, frame, "")
	}
}

// overHTTPS judges DNS over HTTPS. Of a tunnel it is judged as what is beside that.
func (v *Verifier) overHTTPS(s *subject, p *packet.Packet, frame []byte) {
	if s.exit() != ExitVPN && s.exit() != ExitTor {
		v.record(s, DNS1, p, frame, "")
	}
}

// overHTTPS reports whether a packet of a conversation may be of DNS over HTTPS.
func (e *remembered) overHTTPS(p *packet.Packet) bool { return e.doh && isHTTPS(p) }

// servesDoH reports whether a packet goes to a server known for DNS over HTTPS.
func (v *Verifier) servesDoH(p *packet.Packet) bool {
	return v.env.DoH != nil && v.env.DoH(p.Dst.Netip(p.Family))
}

// isHTTPS reports whether a packet goes to a port of HTTPS, also over QUIC.
func isHTTPS(p *packet.Packet) bool {
	return p.DstPort == portHTTPS && (p.Proto == packet.ProtoTCP || p.Proto == packet.ProtoUDP)
}

// toPeer follows a packet to another qube whose vif is captured. What is behind another
// netvm cannot be seen.
func (v *Verifier) toPeer(s *subject, p *packet.Packet) {
	q := v.conf.World.ByAddr(p.Dst.Netip(p.Family), time.Unix(0, p.Time))
	if q != nil && q.XID >= 0 && v.conf.World.HasVif(q.XID) {
		v.following.add(setOf(ISO1), s.owns(p))
	}
}

// allowed reports whether the user has opened the way from a qube to the destination of a
// packet, or the packet is an answer of the other way.
func (v *Verifier) allowed(s *subject, p *packet.Packet, sent bool) bool {
	if len(v.env.Allow) == 0 || s.qube == nil {
		return false
	}
	addr := p.Src
	if sent {
		addr = p.Dst
	}
	peer := v.conf.World.ByAddr(addr.Netip(p.Family), time.Unix(0, p.Time))
	if peer == nil {
		return false
	}
	from, to := s.qube.Name, peer.Name
	if !sent {
		from, to = to, from
	}
	if slices.Contains(v.env.Allow, [2]string{from, to}) {
		return true
	}
	return slices.Contains(v.env.Allow, [2]string{to, from}) && !opens(p)
}

// anon judges a packet of a qube that should be behind a gateway and not here.
func (v *Verifier) anon(s *subject, c class, p *packet.Packet, frame []byte) {
	if c == classNoise {
		v.stats.NotJudged++
		return
	}
	v.against(s, setOf(TOR6), p, frame, "")
}
