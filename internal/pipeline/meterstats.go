package pipeline

import (
	"fmt"

	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// MeterStats counts what a meter has read: Frames = Table.Packets + the frames
// of every other status + LostPackets.
type MeterStats struct {
	Frames, Bytes uint64
	Status        [packet.Statuses]uint64 // frames by outcome of the decoding
	StatusBytes   [packet.Statuses]uint64
	Table         flow.Stats

	// LostPackets and LostFlows are what panics have cost.
	LostPackets, LostFlows uint64
}

// share publishes the counters. The counters themselves are plain numbers: an
// atomic add per packet would cost as much as the decoding.
func (m *Meter) share() {
	own := m.own
	if m.table != nil {
		own.Table = sum(m.past, m.table.Stats())
		own.Status[packet.OK] += own.Table.ShuntedPackets
		own.StatusBytes[packet.OK] += own.Table.ShuntedBytes
	}
	for i := range own.Status {
		own.Frames += own.Status[i]
		own.Bytes += own.StatusBytes[i]
	}
	own.LostPackets, own.LostFlows = m.lost(own.Table.Packets-own.Table.ShuntedPackets), m.lostFlows
	m.mu.Lock()
	m.shared = own
	m.mu.Unlock()
	if m.gauge != nil {
		m.gauge.Share()
	}
}

// Stats returns the counters as of the last moments. It is safe for concurrent
// use.
func (m *Meter) Stats() MeterStats {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.shared
}

// unreadable is the error for a source of which no frame could be read because
// of its link type; a mixture is counted and metered as far as it goes.
func (m *Meter) unreadable() error {
	n := m.own.Status[packet.Unsupported]
	if n == 0 || n != m.shared.Frames {
		return nil
	}
	return fmt.Errorf("no frame could be read: all %d have link type %d, which is not supported; "+
		"see https://www.tcpdump.org/linktypes.html for what it is", n, m.link)
}
