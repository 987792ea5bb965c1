package verify

import "github.com/qubesbeat/qubesbeat/internal/packet"

// mayBeItself reports whether a packet to a local network may be one to this machine, whose addresses are not known: it
// goes to an address like the qube's own that no qube has. One of DNS is judged like any other.
func (s *subject) mayBeItself(c class, p *packet.Packet) bool {
	if !s.astray || c != classLAN || s.qube == nil || isDNS(p) {
		return false
	}
	own, bits := s.qube.IP, 16
	if p.Family == 6 {
		own, bits = s.qube.IP6, 64
	}
	near, err := own.Prefix(bits)
	return err == nil && near.Contains(p.Dst.Netip(p.Family))
}

// await follows a packet that may be one to this machine, and has it speak against some checks later, unless it was.
func (v *Verifier) await(which set) {
	v.stats.NotJudged++
	v.following.add(which, false)
	v.following.awaits = true
}

// answers notes that an address has answered a packet to it that may be one to this machine, with the TTL of who is one
// hop away.
func (t *tracer) answers(s *subject, p *packet.Packet, frame []byte) {
	if t.awaits == 0 {
		return
	}
	for n := range t.n {
		one := t.numbered(t.first + uint64(n)) //nolint:gosec // not negative
		if one.awaits && one.subject == s && one.dst == p.Src && ownTTL(hops(p, frame)) {
			one.answered = true
		}
	}
}

// awaited judges a packet that may have been one to this machine and has not come out: it was if the address has
// answered, and if it would have been seen where it leaves.
func (v *Verifier) awaited(one *trace) {
	sees := v.seesUplink(one.at)
	switch {
	case !one.answered:
		for c := range one.checks.all {
			v.cameOut(one, c)
			one.subject.records[c].Traced += uint64(oneIf(sees)) //nolint:gosec // 0 or 1
		}
	case !sees:
		one.subject.missed(one.checks, v.now)
	}
}
