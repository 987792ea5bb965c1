package firewall

import (
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/firewall"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// TestService_refused names each verdict about one flow; one about many has no ports.
func TestService_refused(t *testing.T) {
	t.Parallel()
	s, r := newTestService()
	var refused []*firewall.Verdict
	s.deps.Refused = func(v *firewall.Verdict) { refused = append(refused, v) }
	one := &firewall.Verdict{Tuple: firewall.Tuple{Proto: packet.ProtoTCP, Src: client, Dst: netvm, SrcPort: 1, DstPort: 2}}
	s.publish(one)
	s.publish(&firewall.Verdict{Coalesced: true})
	if len(r.documents) != 2 || len(refused) != 1 || refused[0] != one {
		t.Errorf("%d verdicts are published, %v refused; want two, and the one of one flow", len(r.documents), refused)
	}
}
