package flow_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

const (
	sec    = time.Second
	flow17 = "10.137.0.6:40000 > 1.1.1.1:443 17 "
)

// TestTable_idle is exact to the nanosecond if a packet arrives, although the
// wheel is coarse.
func TestTable_idle(t *testing.T) {
	t.Parallel()
	for _, idle := range []time.Duration{sec, 30 * sec, time.Hour, 12 * time.Hour} {
		t.Run(idle.String(), func(t *testing.T) {
			t.Parallel()
			m := newMeter(t, func(c *flow.Config) { c.IdleTimeout = idle })
			m.meter(udp(0, client, server), udp(idle, server, client))
			m.want(t) // at the timeout the flow still lives
			m.meter(udp(2*idle+1, client, server))
			m.want(t, flow17+"1/1 idle")
			m.Flush(flow.ReasonForced)
			m.want(t, flow17+"1/0 forced")
		})
	}
}

// TestTable_idleAdvance reports a silent flow without a packet, at most 1/64 of
// the timeout late, and never early.
func TestTable_idleAdvance(t *testing.T) {
	t.Parallel()
	for _, idle := range []time.Duration{sec, 30 * sec, time.Hour} {
		t.Run(idle.String(), func(t *testing.T) {
			t.Parallel()
			m := newMeter(t, func(c *flow.Config) { c.IdleTimeout = idle }).meter(udp(0, client, server))
			for d := time.Duration(0); d <= idle; d += idle / 100 {
				m.Advance(at(d))
			}
			m.Advance(at(idle))
			m.want(t)
			m.Advance(at(idle + idle/32))
			m.want(t, flow17+"1/0 idle")
			if got := m.Stats(); got.Live != 0 || got.Records[flow.ReasonIdle] != 1 {
				t.Errorf("Stats = %+v; want no live flow and one idle record", got)
			}
		})
	}
}

// TestTable_active splits a long flow: the sums are kept and so is the direction,
// also if the responder continues, and nothing follows the last record if
// nothing has happened since.
func TestTable_active(t *testing.T) {
	t.Parallel()
	m := newMeter(t, func(c *flow.Config) { c.ActiveTimeout = 10 * sec })
	for i := range 8 {
		m.meter(udp(time.Duration(i)*sec, client, server))
	}
	m.Advance(at(11 * sec))
	m.want(t, flow17+"8/0 active")
	m.meter(udp(12*sec, server, client), udp(13*sec, server, client))
	m.Advance(at(22 * sec))
	m.want(t, flow17+"0/2 active")
	m.Advance(at(60 * sec))
	m.want(t)
	if got := m.Stats(); got.Live != 0 {
		t.Errorf("Live = %d; want 0: the flow has been idle", got.Live)
	}
}

// TestTable_activeTimes gives each record the times of its packets, and all
// the same time of birth.
func TestTable_activeTimes(t *testing.T) {
	t.Parallel()
	m := newMeter(t, func(c *flow.Config) { c.ActiveTimeout = 10 * sec })
	for _, d := range []time.Duration{0, 4 * sec, 12 * sec, 15 * sec, 30 * sec} {
		m.meter(udp(d, client, server))
	}
	m.Flush(flow.ReasonForced)
	var got [][3]time.Duration
	for _, r := range m.records {
		got = append(got, [3]time.Duration{time.Duration(r.Born - t0), time.Duration(r.Start - t0), time.Duration(r.End - t0)})
	}
	want := [][3]time.Duration{{0, 0, 4 * sec}, {0, 12 * sec, 15 * sec}, {0, 30 * sec, 30 * sec}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("born, start, end mismatch (-want +got):\n%s", diff)
	}
}

// TestTable_activeTCP keeps what is known of the connection over the split.
func TestTable_activeTCP(t *testing.T) {
	t.Parallel()
	const name = "10.137.0.6:40000 > 1.1.1.1:443 6 "
	m := newMeter(t, func(c *flow.Config) { c.ActiveTimeout = 10 * sec })
	m.meter(handshake(0, client, server)...)
	m.Advance(at(11 * sec))
	m.want(t, name+"2/1 active established")
	m.meter(tcp(12*sec, server, client, packet.ACK), tcp(13*sec, server, client, fin), tcp(14*sec, client, server, fin))
	m.Advance(at(20 * sec))
	m.want(t, name+"1/2 end closed")
}

// TestTable_period reports a live flow when there is something new and only
// then.
func TestTable_period(t *testing.T) {
	t.Parallel()
	m := newMeter(t, func(c *flow.Config) { c.Period = 10 * sec })
	m.meter(udp(0, client, server), udp(sec, server, client))
	m.Advance(at(11 * sec))
	m.want(t, flow17+"1/1 interim")
	m.Advance(at(21 * sec))
	m.want(t)
	m.meter(udp(22*sec, client, server))
	m.Advance(at(32 * sec))
	m.want(t, flow17+"2/1 interim") // cumulative
	m.Advance(at(53 * sec))
	m.want(t, flow17+"2/1 idle")
}

// TestTable_delta makes each record cover the time since the one before.
func TestTable_delta(t *testing.T) {
	t.Parallel()
	m := newMeter(t, func(c *flow.Config) { c.Period, c.Delta = 10*sec, true })
	m.meter(udp(0, client, server), udp(sec, server, client))
	m.Advance(at(11 * sec))
	m.meter(udp(12*sec, client, server))
	m.Advance(at(22 * sec))
	m.want(t, flow17+"1/1 interim", flow17+"1/0 interim")
	m.Advance(at(60 * sec))
	m.want(t, flow17+"0/0 idle") // the flow's end is news, though nothing was sent
}

// TestTable_deltaActive ends a split flow with a final record, even if its
// last packets went out in an interim report.
func TestTable_deltaActive(t *testing.T) {
	t.Parallel()
	m := newMeter(t, func(c *flow.Config) { c.Period, c.ActiveTimeout, c.Delta = 10*sec, 25*sec, true })
	m.meter(udp(0, client, server))
	m.Advance(at(11 * sec))
	m.meter(udp(12*sec, client, server))
	m.Advance(at(26 * sec))
	m.want(t, flow17+"1/0 interim", flow17+"1/0 active")
	m.meter(udp(30*sec, client, server))
	m.Advance(at(37 * sec))
	m.want(t, flow17+"1/0 interim")
	m.Advance(at(70 * sec))
	m.want(t, flow17+"0/0 idle")
}

// TestTable_longTimeouts puts timers beyond the end of the wheel.
func TestTable_longTimeouts(t *testing.T) {
	t.Parallel()
	m := newMeter(t, func(c *flow.Config) { c.IdleTimeout, c.ActiveTimeout = sec, time.Hour })
	for d := time.Duration(0); d < 3601*sec; d += sec / 2 {
		m.meter(udp(d, client, server))
	}
	m.want(t, flow17+"7200/0 active")
	m.Advance(at(24 * 365 * time.Hour))
	m.want(t, flow17+"2/0 idle")
}
