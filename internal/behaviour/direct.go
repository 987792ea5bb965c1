package behaviour

import (
	"fmt"

	"github.com/qubesbeat/qubesbeat/internal/behaviour/baseline"
)

// The bounds of contacts by address.
const (
	directFlows = 50            // before the share means something
	directShare = 0.02          // of flows to addresses that were not resolved
	directBytes = 4096          // each way
	dnsSeen     = int64(3600e9) // for which the queries of the qube must have been seen: programs remember addresses
)

// direct counts flows to addresses that were not resolved, and reports one of a qube that
// hardly ever has one.
func (e *Engine) direct() {
	o, s := e.obs, e.cur
	if !o.Final || o.Place != World || s.resolves == 0 || o.clockwork() {
		return
	}
	share := float64(s.direct) / float64(max(s.flows, 1))
	enough := s.flows >= directFlows
	s.flows++
	if !o.Unresolved {
		return
	}
	s.direct++
	if !enough || share >= directShare || o.At-s.resolves < dnsSeen || o.Up < directBytes || o.Down < directBytes || e.known(baseline.Destination, e.net) || e.skips(DirectIP, "", e.net) {
		return
	}
	e.report(&Finding{Rule: DirectIP, Level: Low, Score: 0.5 + 0.5*(1-share/directShare), dest: e.net, BytesUp: o.Up, BytesDown: o.Down,
		Reason: fmt.Sprintf("%s talks to %s, an address that no DNS response had; it resolves all but %.1f %% of its destinations", e.who(), e.whom(), 100*share)})
}
