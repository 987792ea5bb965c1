package pipeline

import (
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// TestMeter_repair holds that a panic inside the table ends its flows, with their
// records, and that the counters go on from there with a new table.
func TestMeter_repair(t *testing.T) {
	t.Parallel()
	q := NewQueue(100, false)
	m, err := NewMeter(MeterConfig{Queue: q, Flow: flow.Config{IdleTimeout: 10 * time.Second, MaxFlows: 1000}})
	if err != nil {
		t.Fatal(err)
	}
	meter := func(port uint16) {
		p := &m.batch[0]
		*p = packet.Packet{Time: 1_700_000_000e9, Proto: packet.ProtoUDP, Family: 4, HasL4: true, SrcPort: port, DstPort: 53, Length: 100}
		m.own.Status[packet.OK]++
		m.n = 1
		m.flush()
	}
	meter(1000)
	meter(2000)
	before := m.table
	m.working, m.inTable = true, true // as a panic leaves them
	m.repair()
	if m.table == before || m.working || m.inTable {
		t.Fatal("the table was not replaced")
	}
	meter(3000)
	m.endFlows()
	m.share()
	s := m.Stats()
	if s.Table.Packets != 3 || s.Table.Created != 3 || s.Table.Live != 0 || s.LostFlows != 0 || s.Table.Records[flow.ReasonForced] != 3 {
		t.Errorf("stats = %+v; want 3 packets in 3 flows, all of them reported", s)
	}
	if n := q.Stats().In; n != 3 {
		t.Errorf("%d records; want 3", n)
	}
}
