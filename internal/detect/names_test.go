package detect_test

import (
	"net/netip"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/detect"
	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// TestNames_Fill_forged names the destinations of a qube by responses on its own vif only, which it is sent, and on
// the uplink: another one can send some to its address.
func TestNames_Fill_forged(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		iface     uint32
		direction packet.Direction
		want      string
	}{
		"its own":                       {7, packet.Outbound, "www.example.org"},
		"its own, without a direction":  {7, packet.DirectionUnknown, "www.example.org"},
		"of another":                    {6, packet.Inbound, ""},
		"of another, without direction": {6, packet.DirectionUnknown, ""},
		"to another":                    {6, packet.Outbound, ""},
		"from it":                       {7, packet.Inbound, ""},
		"on the uplink":                 {0, packet.Inbound, "www.example.org"},
	} {
		w, e := newWorld(), newEnricher()
		vif := e.Name
		e.HasVif = func(int32) bool { return true }
		e.Name = func(i uint32) string { return map[bool]string{false: vif(i), true: "eth0"}[i == 0] }
		n := detect.NewNames(e)
		w.Name(n)
		p, b := frame(t, netip.AddrPortFrom(server, 53), netip.AddrPortFrom(client, 5000), start, message(t, "www.example.org", web))
		p.Iface, p.Direction = tt.iface, tt.direction
		w.Packet(&p, b)
		f := &event.Flow{Parties: event.Parties{Qube: work, SourceQube: work, Client: client, Direction: event.Outbound}}
		f.Born, f.Start, f.End, f.Iface, f.Reason = start+1e9, start+1e9, start+2e9, 7, flow.ReasonEnd
		f.Source.Addr, f.Family = packet.AddrFrom(client)
		f.Destination.Addr, _ = packet.AddrFrom(web)
		w.Record(&f.Record)
		if n.Fill(f); f.Domain != tt.want {
			t.Errorf("%s: the destination is %q; want %q", name, f.Domain, tt.want)
		}
	}
}
