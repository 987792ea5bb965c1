package flow_test

import (
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// TestTable_NextExpiry sleeps from one expiry to the next, as a live meter does,
// and gets every record as early as with a look at each moment.
func TestTable_NextExpiry(t *testing.T) {
	t.Parallel()
	const tick = 30 * sec / 64 // of a table with an idle timeout of 30 s
	tests := []struct {
		name    string
		change  func(*flow.Config)
		packets []packet.Packet
		want    []time.Duration // of the records, give or take a tick
	}{
		{"no flow", func(*flow.Config) {}, nil, nil},
		{"idle", func(*flow.Config) {}, []packet.Packet{udp(0, client, server), udp(10*sec, server, client)}, []time.Duration{40 * sec}},
		{"interim reports", func(c *flow.Config) { c.Period = 20 * sec }, []packet.Packet{udp(0, client, server)},
			[]time.Duration{20 * sec, 30 * sec}},
		{"closed connection", func(*flow.Config) {}, append(handshake(0, client, server), tcp(sec, client, server, packet.RST)),
			[]time.Duration{6 * sec}},
		{"beyond the wheel", func(c *flow.Config) { c.IdleTimeout, c.Linger = time.Hour, sec }, []packet.Packet{udp(0, client, server)},
			[]time.Duration{time.Hour}},
		{"after a jump back", func(*flow.Config) {}, []packet.Packet{udp(time.Hour, client, server), udp(0, client, server)},
			[]time.Duration{30 * sec}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := newMeter(t, tt.change).meter(tt.packets...)
			var got []time.Duration
			wakes := 0
			for next, ok := m.NextExpiry(); ok; next, ok = m.NextExpiry() {
				m.Advance(next - 1)
				if len(m.records) > 0 {
					t.Errorf("a record 1 ns before NextExpiry")
				}
				m.Advance(next)
				if later, ok := m.NextExpiry(); ok && later <= next {
					t.Fatalf("NextExpiry = %v after Advance to %v", later, next)
				}
				for range m.records {
					got = append(got, time.Duration(next-t0))
				}
				m.records = nil
				wakes++
			}
			if wakes > 40 { // a look at each tick of 30 s is 64
				t.Errorf("%d wakes for %d records", wakes, len(got))
			}
			if len(got) != len(tt.want) {
				t.Fatalf("records at %v; want about %v", got, tt.want)
			}
			for i := range got {
				if got[i] < tt.want[i] || got[i] > tt.want[i]+2*tick {
					t.Errorf("records at %v; want about %v", got, tt.want)
				}
			}
		})
	}
}

// TestTable_NextExpiry_allocates checks that NextExpiry does not allocate.
func TestTable_NextExpiry_allocates(t *testing.T) {
	m := newMeter(t).meter(udp(0, client, server))
	if n := testing.AllocsPerRun(100, func() { m.NextExpiry() }); n != 0 {
		t.Errorf("%v allocations; want 0", n)
	}
}
