package flow_test

import (
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// TestTable_Live reports each beginning and end of a flow of its interface: what is added up
// is the number of live flows, also after evictions, timeouts and active timeouts.
func TestTable_Live(t *testing.T) {
	t.Parallel()
	live := map[uint32]int{}
	m := newMeter(t, func(c *flow.Config) {
		c.MaxFlows, c.ActiveTimeout = 8, 20*time.Second
		c.Live = func(iface uint32, change int) { live[iface] += change }
	})
	check := func(when string) {
		t.Helper()
		sum := 0
		for _, n := range live {
			sum += n
		}
		if s := m.Stats(); sum != s.Live {
			t.Errorf("%s: %d flows are live by interface; the table has %d", when, sum, s.Live)
		}
	}
	for i := range 20 {
		p := pkt(time.Duration(i)*time.Second, packet.ProtoUDP, "10.137.0.6:4000", "1.1.1.1:53")
		p.SrcPort, p.Iface = uint16(4000+i), uint32(i%3)
		m.meter(p)
		check("while flows begin")
	}
	if m.Stats().Records[flow.ReasonEvicted] == 0 {
		t.Error("nothing was evicted")
	}
	m.meter(udp(30*time.Second, client, server), udp(55*time.Second, client, server)) // lives past the active timeout
	check("after a timeout")
	m.Flush(flow.ReasonForced)
	if check("at the end"); m.Stats().Live != 0 {
		t.Errorf("%d flows are left", m.Stats().Live)
	}
}
