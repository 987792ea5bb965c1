package packets

import (
	"net/netip"

	"github.com/qubesbeat/qubesbeat/internal/firewall"
)

// LiftVerdict does what [Service.Lift] does for the flow of a verdict of the packet filter.
func (s *Service) LiftVerdict(v *firewall.Verdict) {
	s.Lift(netip.AddrPortFrom(v.Src.Unmap(), v.SrcPort), netip.AddrPortFrom(v.Dst.Unmap(), v.DstPort), v.Proto)
}
