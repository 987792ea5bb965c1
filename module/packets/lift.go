package packets

import (
	"net/netip"

	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/firewall"
)

// LiftFlow has a flow, such as that of a finding, stored whole from then on. It does nothing
// without a store: s may be nil.
func (s *Service) LiftFlow(f *event.Flow) {
	if s != nil {
		s.Lift(netip.AddrPortFrom(f.Source.Addr.Netip(f.Family), f.Source.Port),
			netip.AddrPortFrom(f.Destination.Addr.Netip(f.Family), f.Destination.Port), f.Proto)
	}
}

// LiftVerdict does the same for the flow of a verdict of the packet filter.
func (s *Service) LiftVerdict(v *firewall.Verdict) {
	if s != nil {
		s.Lift(netip.AddrPortFrom(v.Src.Unmap(), v.SrcPort), netip.AddrPortFrom(v.Dst.Unmap(), v.DstPort), v.Proto)
	}
}
