package verify

import "github.com/qubesbeat/qubesbeat/internal/qube"

// basis is what a probe rests on: the qube that has sent canaries, and its netvm then.
type basis struct{ client, netvm string }

// netvmOf returns the netvm of a qube, "" if it has none or is not known.
func (v *Verifier) netvmOf(name string) string {
	if q := v.conf.World.ByName(name); q != nil {
		return q.NetVM
	}
	return ""
}

// moved forgets what agrees if the qube of a subject, or the one whose canaries were seen, has got
// another netvm: what they send goes another way now.
func (v *Verifier) moved(s *subject, now *qube.Qube) {
	if s.qube != nil && now != nil && s.qube.NetVM != now.NetVM {
		for c := VPN1; c <= TOR7; c++ {
			s.records[c].forgetAgreed()
		}
		s.tor = torState{}
	}
	if s.basis != (basis{}) && v.netvmOf(s.basis.client) != s.basis.netvm {
		s.records[VPN2].forgetAgreed()
		s.records[VPN9].forgetAgreed()
		s.basis = basis{}
	}
}
