package cmd

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/topology"
	judge "github.com/qubesbeat/qubesbeat/internal/verify"
)

// seenLately is for how long after its last packet an exit counts as seen.
const seenLately = 15 * time.Minute

// addView adds what the verifier has seen to a map.
func addView(m *topology.Map, view *judge.View) {
	m.At = view.At
	for i := range view.Qubes {
		s := &view.Qubes[i]
		at := slices.IndexFunc(m.Qubes, func(q topology.Qube) bool { return q.Name == s.Name })
		if at < 0 { // the inventory does not have it
			at = len(m.Qubes)
			m.Qubes = append(m.Qubes, viewedQube(s))
		}
		addSeen(&m.Qubes[at], s, view.At)
	}
	for _, e := range view.External {
		if at := slices.IndexFunc(m.Qubes, func(q topology.Qube) bool { return q.Name == e.Qube }); at >= 0 {
			x := &m.Qubes[at].Exit
			x.External = append(x.External, topology.External{Addr: e.Address, Method: method(&e), At: e.At})
		}
	}
	for i := range m.Qubes {
		addVerdicts(&m.Qubes[i], view.Verdicts)
	}
}

// method returns how an address is known, and whether another method has told another.
func method(e *judge.External) string {
	if e.Split {
		return e.Method + ", split"
	}
	return e.Method
}

// viewedQube returns a qube that only the verifier knows.
func viewedQube(s *judge.QubeView) topology.Qube {
	q := topology.Qube{Name: s.Name, Label: s.Label, Netvm: s.NetVM}
	if a, err := netip.ParseAddr(s.IP); err == nil {
		q.Addrs = []netip.Addr{a}
	}
	return q
}

// addSeen adds where the packets of a qube go.
func addSeen(q *topology.Qube, s *judge.QubeView, now time.Time) {
	q.Vif, q.Exit.Kind = s.Vif, cmp.Or(s.Exit, q.Exit.Kind)
	if len(s.Endpoints) > 0 {
		q.Exit.Protocol, q.Exit.Endpoint = s.Protocol, s.Endpoints[0]
	}
	switch {
	case s.LastAt.IsZero() || now.Sub(s.LastAt) >= seenLately:
	case s.Tunnel == "up":
		q.Exit.Seen = topology.SeenTunnel
	default:
		q.Exit.Seen = topology.SeenTraffic
	}
}

// addVerdicts marks a qube by the worst verdict about it, with the checks behind that.
func addVerdicts(q *topology.Qube, all []judge.Line) {
	for i := range all {
		if l := &all[i]; l.Subject == q.Name {
			q.Judge(topology.MarkOf(l.Verdict, l.Stale, isQuiet(l)), l.Check)
		}
	}
}

// commonNetvm returns the netvm of the qubes that were seen, which is where they were seen;
// "" if they do not agree.
func commonNetvm(view *judge.View) (name string) {
	if view == nil {
		return ""
	}
	for i := range view.Qubes {
		q := &view.Qubes[i]
		if q.NetVM == "" || name != "" && q.NetVM != name {
			return ""
		}
		name = q.NetVM
	}
	return name
}
