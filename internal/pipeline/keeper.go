package pipeline

import (
	"errors"

	"github.com/qubesbeat/qubesbeat/internal/capture"
	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// Keeper gets every frame that the meter has read, in order, once its flow is known. It runs
// in the meter's goroutine and must not block.
type Keeper interface {
	// Keep is called with a frame, its packet and the flow of that, in a table. A frame that is in no
	// flow, such as ARP, has a nil p and the zero Ref. The bytes of f belong to the source,
	// and at belongs to the table: neither may be used after the call.
	Keep(f *capture.Frame, p *packet.Packet, t *flow.Table, at flow.Ref)
	// Report is called with each record, to fill in Kept. Of the packets of the batch that
	// the flow ends in, it does not know yet.
	Report(r *flow.Record)
}

// errKeeper is returned by NewMeter.
var errKeeper = errors.New("a keeper of packets needs a live capture and flows")

// keep shows the first n frames of the batch to the keeper.
func (m *Meter) keep(n int) {
	for i := range n {
		m.keeper.Keep(&m.frames[i], &m.batch[i], m.table, m.refs[i])
	}
}
