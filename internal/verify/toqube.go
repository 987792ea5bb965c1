package verify

import (
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

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
