package pipeline

import (
	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// repair brings the meter into order after a panic. It does nothing otherwise.
//
// A panic before the table costs one packet. A table that panicked may be
// inconsistent: its flows are ended as far as that goes, and a new one replaces it.
func (m *Meter) repair() {
	if !m.working && !m.inTable {
		return
	}
	m.working = false
	if m.inTable {
		m.inTable = false
		m.replaceTable()
	}
}

func (m *Meter) replaceTable() {
	m.salvage()
	m.past = sum(m.past, m.table.Stats())
	m.lostFlows += uint64(m.past.Live)
	m.past.Live = 0
	if m.gauge != nil {
		m.gauge.ForgetFlows()
	}
	next, err := flow.New(m.conf)
	if err != nil {
		panic("pipeline: " + err.Error()) // the same configuration was valid before
	}
	m.table = next
}

// salvageAttempts bounds the panics at the flows of one table.
const salvageAttempts = 16

// salvage reports the flows of a table that may be inconsistent.
func (m *Meter) salvage() {
	for range salvageAttempts {
		if m.guarded(func() { m.table.Salvage(flow.ReasonForced) }) {
			return
		}
	}
}

// guarded calls f, even if the part is stopped: what there is of flows is reported in
// any case. It reports whether f returned without a panic.
func (m *Meter) guarded(f func()) (ok bool) {
	defer m.guard.Recover(nil)
	f()
	return true
}

// endFlows ends every live flow. Those of a live capture may be cut off by the time
// that the program has to stop, so that the quiet interfaces come first; those of a
// file never are.
func (m *Meter) endFlows() {
	if m.table == nil {
		return
	}
	flush := m.table.Flush
	if m.live != nil {
		flush = m.table.FlushFewest
	}
	if m.guarded(func() { flush(flow.ReasonForced) }) {
		return
	}
	m.salvage()
	m.lostFlows += uint64(m.table.Stats().Live)
}

// lost returns how many packets were decoded and not metered, because of panics.
func (m *Meter) lost(metered uint64) uint64 {
	if m.guard.Panics() == 0 || m.table == nil {
		return 0
	}
	return m.own.Status[packet.OK] - metered - uint64(m.n)
}

// sum returns the counters of a table and of those that it has replaced.
func sum(a, b flow.Stats) flow.Stats {
	b.Packets += a.Packets
	b.Bytes += a.Bytes
	b.ShuntedPackets += a.ShuntedPackets
	b.ShuntedBytes += a.ShuntedBytes
	b.Created += a.Created
	b.TimeJumps += a.TimeJumps
	b.TunnelsFull += a.TunnelsFull
	for i := range b.Records {
		b.Records[i] += a.Records[i]
	}
	return b
}
