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

// record counts a packet against one check, without the counters of all.
func (v *Verifier) record(s *subject, c Check, p *packet.Packet, frame []byte, name string) {
	r := &s.records[c]
	first := r.verdict != Fail
	v.speaksAgainst(r, p, func() Sample { return sampleOf(s, p, frame, name) })
	if first {
		v.reportNow(s, c, true)
	}
}

// order is that of checks from the most specific to the most general. An alert is about the
// first of them that a packet speaks against.
var order = [...]Check{VPN7, VPN5, VPN6, VPN4, VPN3, VPN2, VPN10, VPN9, VPN1, TOR2, TOR4, TOR3, TOR7, TOR1, TOR6, DNS3}

// against counts a packet against several checks and follows it; but for a query to a resolver that
// may pass it on, in a packet of its own.
func (v *Verifier) against(s *subject, which set, p *packet.Packet, frame []byte, name string) {
	v.stats.Against++
	alert := true
	for _, c := range order {
		if !which.has(c) {
			continue
		}
		r := &s.records[c]
		first := r.verdict != Fail
		v.speaksAgainst(r, p, func() Sample { return sampleOf(s, p, frame, name) })
		if first {
			v.reportNow(s, c, alert)
		}
		alert = false
	}
	if isDNS(p) && v.resolves(p) {
		s.loose(which)
		return
	}
	v.following.add(which, true)
}

// resolves reports whether a packet goes to Qubes' resolver, or to this machine, which may be one.
func (v *Verifier) resolves(p *packet.Packet) bool {
	dst := p.Dst.Netip(p.Family)
	return magic(dst) || v.conf.World.Local(dst)
}

// agree counts a packet that agrees with a check, as one judged.
func (v *Verifier) agree(s *subject, c Check, p *packet.Packet) {
	v.stats.Agree++
	s.records[c].agrees(p, v.now)
}

// toQube judges a packet to a qube: it may be the answer of an endpoint, a packet of another
// qube, or an answer of this machine.
func (v *Verifier) toQube(s *subject, p *packet.Packet, frame []byte) settledPacket {
	v.accounts.traffic[2*s.number].last = max(v.now, 1)
	if p.HasMAC {
		s.macs.note(p.SrcMAC)
	}
	v.leaves(p, frame)
	if p.TCPFlags&packet.RST != 0 && s.exit() == ExitTor {
		s.tor.refused(p, frame)
	}
	if s.waiting != 0 {
		v.told(s, p, frame)
	}
	v.tracer.answers(s, p, frame)
	c := v.sourceClass(s, p)
	switch c {
	case classEndpoint:
		s.answered(p, frame, v.now)
	case classQube:
		v.fromPeer(s, p, frame)
	case classLocal:
		v.localAnswer(s, p, frame)
	}
	return settledPacket{subject: s, settled: c == classOutside && (!p.IsICMP() || isQuery(p))}
}

// sourceClass returns the class of the source of a packet to a qube, which it remembers.
func (v *Verifier) sourceClass(s *subject, p *packet.Packet) class {
	e, known := s.memo.find(p, true, v.epoch)
	if !known {
		e.class = v.classifySource(s, p)
	}
	return e.class
}

// classifySource returns the class of the source of a packet to a qube.
func (v *Verifier) classifySource(s *subject, p *packet.Packet) class {
	src := p.Src.Netip(p.Family)
	switch {
	case linkScope(src), discovery(p):
		return classNoise
	case v.conf.World.Local(src):
		return classLocal
	}
	if c := v.relation(s, p, src); c != classNone {
		return c
	}
	if s.expect == nil {
		return classOutside
	}
	for i := range s.expect.Endpoints {
		if e := &s.expect.Endpoints[i]; e.Addr == src && (e.Port == 0 || e.Port == p.SrcPort || p.Fragment == packet.FragmentLater) {
			return classEndpoint
		}
	}
	return classOutside
}

// fromPeer judges a packet that another qube's address has sent to a qube. Its sender is
// known if it was followed; if not, the receiver is the subject: its own evidence says that
// something has reached it, and no source address can change the verdict of another.
func (v *Verifier) fromPeer(s *subject, p *packet.Packet, frame []byte) {
	if v.allowed(s, p, false) {
		s.records[ISO1].agrees(p, v.now)
		return
	}
	v.print.take(p, frame)
	if v.tracer.see(&v.print) != nil || refusal(p, frame) || v.reached.answered(p, v.now) {
		return
	}
	if one := v.tracer.piece(p); one != nil {
		if !one.found {
			one.found = true
			v.came(one)
		}
		return
	}
	v.record(s, ISO1, p, frame, "")
}

// refusal reports whether a packet is a reset with nothing but its header, as this machine makes
// one in the name of the destination where a rule says "reject with tcp reset" (Linux,
// nf_reject_ip_tcphdr_put). Another qube's own one was followed since it came in.
func refusal(p *packet.Packet, frame []byte) bool {
	const header = 20 // without options
	return p.Proto == packet.ProtoTCP && p.TCPFlags&packet.RST != 0 && wireSize(p, frame) <= header
}

// elsewhere looks at a packet on an interface that is no vif.
func (v *Verifier) elsewhere(at *point, p *packet.Packet, frame []byte) {
	if p.Direction == packet.Inbound || at.account == ofLoopback {
		return
	}
	v.accounts.traffic[0].last = max(v.now, 1)
	v.leaves(p, frame)
	if len(v.env.Upstreams) != 0 && isDNS(p) {
		v.upstream(p, frame)
	}
}
