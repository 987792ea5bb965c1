package pipeline

import "time"

// sweepEvery is how often the counters of the shunted flows are read: that is how old the
// numbers of packets may be in the statistics, and how long a flow that has become slow
// keeps its place.
const sweepEvery = time.Second

// sweep reads the counters of the shunted flows when it is time to.
func (m *Meter) sweep() {
	if m.table == nil || m.now == nil || m.table.Shunted() == 0 {
		return
	}
	now := m.now()
	if d := now - m.swept; d >= 0 && d < int64(sweepEvery) {
		return
	}
	m.swept = now
	_ = m.guard.Do(nil, func() { // a panic replaces the table
		m.inTable = true
		m.table.Sweep()
		m.inTable = false
	})
	m.repair()
}
