package verify

import (
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

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
