package finding_test

import (
	"net/netip"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/module/finding"
)

// TestService_found names the flow of a finding, and no other.
func TestService_found(t *testing.T) {
	t.Parallel()
	var found []*event.Flow
	s := finding.New(finding.Deps{Sink: &sink{}, Resolver: func(netip.Addr) bool { return false }, Found: func(f *event.Flow) { found = append(found, f) }})
	dns, web := outbound("8.8.8.8:53", packet.ProtoUDP, ""), outbound("192.0.2.1:443", packet.ProtoTCP, "www.example")
	s.Flow(web)
	s.Flow(dns)
	if len(found) != 1 || found[0] != dns {
		t.Errorf("found %v; want the flow to 8.8.8.8", found)
	}
}
