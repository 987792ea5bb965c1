package flow_test

import (
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// TestTable_reordered takes packets that are up to a minute late for what they
// are: no jump of the clock, and the flow spans them all.
func TestTable_reordered(t *testing.T) {
	t.Parallel()
	m := newMeter(t).meter(udp(0, client, server), udp(-59*sec, client, server), udp(5*sec, server, client), udp(-20*sec, client, server))
	m.Flush(flow.ReasonForced)
	if len(m.records) != 1 || m.Stats().TimeJumps != 0 {
		t.Fatalf("records = %+v, TimeJumps = %d; want one record, no jump", m.records, m.Stats().TimeJumps)
	}
	if r := m.records[0]; r.Start != at(-59*sec) || r.End != at(5*sec) || r.Born != at(0) {
		t.Errorf("start, end, born = %d, %d, %d; want %d, %d, %d", r.Start, r.End, r.Born, at(-59*sec), at(5*sec), at(0))
	}
	m.want(t, flow17+"3/1 forced")
}

// TestTable_jumpBack sets the clock back by more than a minute: the timeouts go
// on from there, and records carry the packets' own times.
func TestTable_jumpBack(t *testing.T) {
	t.Parallel()
	m := newMeter(t).meter(udp(0, client, server), udp(-time.Hour, client, server))
	if got := m.Stats().TimeJumps; got != 1 {
		t.Errorf("TimeJumps = %d; want 1", got)
	}
	m.meter(udp(-time.Hour+30*sec, client, server))
	m.want(t)
	m.meter(udp(-time.Hour+60*sec+1, client, server))
	m.want(t, flow17+"3/0 idle")
	m.Flush(flow.ReasonForced)
	if r := m.records[0]; r.Start != at(-time.Hour+60*sec+1) {
		t.Errorf("Start = %d; want the packet's own %d", r.Start, at(-time.Hour+60*sec+1))
	}
}

// TestTable_jumps sets the clock back and forth. After each jump a silent flow
// still ends in time, and no packet is lost.
func TestTable_jumps(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		bases []int64
		back  uint64 // jumps
	}{
		{"an hour", []int64{t0, t0 - 3600e9, t0, t0 - 3600e9}, 2},
		{"to 1970 and back", []int64{t0, 0, t0, 0, t0}, 2},
		{"the ends of time", []int64{0, 1 << 62, 0}, 1},
		{"the ends of time, twice", []int64{0, 1 << 62, 0, 1 << 62, 0}, 2},
		{"to 1970 and back, eight times", []int64{t0, 0, t0, 0, t0, 0, t0, 0, t0, 0, t0, 0, t0, 0, t0, 0, t0}, 8},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := newMeter(t)
			for i, base := range tt.bases {
				p := udp(0, client, server)
				p.Time = base
				m.meter(p)
				m.records = nil
				m.Advance(base + int64(31*sec))
				if got := m.Stats().Live; got != 0 {
					t.Fatalf("%d flows live 31 s after a packet at time %d (number %d); want 0", got, base, i)
				}
			}
			if got := m.Stats(); got.TimeJumps != tt.back || got.Records[flow.ReasonIdle] != got.Packets {
				t.Errorf("Stats = %+v; want %d jumps, one idle record per packet", got, tt.back)
			}
		})
	}
}

// TestTable_extremes takes any time that a capture may hand over, in any order,
// and loses nothing.
func TestTable_extremes(t *testing.T) {
	t.Parallel()
	times := []int64{0, 1, 1 << 62, 1<<62 - 1, t0, 0, 1 << 62, 59e9, 61e9, 1 << 62, 0}
	m := newMeter(t, func(c *flow.Config) { c.ActiveTimeout, c.Period = 60*sec, 10*sec })
	for _, when := range times {
		p := udp(0, client, server)
		p.Time = when
		m.meter(p)
		q := tcp(0, client, server, packet.SYN)
		q.Time = when
		m.meter(q)
	}
	m.Flush(flow.ReasonForced)
	packets, bytes := sums(m.records)
	if want := uint64(2 * len(times)); packets != want || bytes != 100*want {
		t.Errorf("%d packets, %d bytes; want %d, %d", packets, bytes, want, 100*want)
	}
}
