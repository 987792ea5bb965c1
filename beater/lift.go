package beater

import (
	"net/netip"

	"github.com/qubesbeat/qubesbeat/internal/event"
	verdict "github.com/qubesbeat/qubesbeat/internal/firewall"
)

// liftFound has the flow of a finding stored whole from then on.
func (b *builder) liftFound(f *event.Flow) {
	if b.packets == nil {
		return
	}
	b.packets.Lift(netip.AddrPortFrom(f.Source.Addr.Netip(f.Family), f.Source.Port),
		netip.AddrPortFrom(f.Destination.Addr.Netip(f.Family), f.Destination.Port), f.Proto)
}

// liftRefused has the flow of a verdict stored whole from then on.
func (b *builder) liftRefused(v *verdict.Verdict) {
	if b.packets == nil {
		return
	}
	b.packets.Lift(netip.AddrPortFrom(v.Src.Unmap(), v.SrcPort), netip.AddrPortFrom(v.Dst.Unmap(), v.DstPort), v.Proto)
}
