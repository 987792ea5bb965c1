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
	// Keep is called with a frame, its packet and the flow of that. A frame that is in no
	// flow, such as ARP, has a nil p and the zero Ref. The bytes of f belong to the source,
	// and at belongs to the table: neither may be used after the call.
	Keep(f *capture.Frame, p *packet.Packet, at flow.Ref)
}

// errKeeper is returned by NewMeter.
var errKeeper = errors.New("a keeper of packets needs a live capture and flows")

// keptFrames are the frames of a meter's batch, and their flows. A batch ends with the last
// frame of a block of the ring (capture.Frame.Last), so that the bytes of all are valid.
type keptFrames struct {
	frames [flow.BatchSize]capture.Frame
	refs   [flow.BatchSize]flow.Ref
}

// keep shows the first n frames of the batch to the keeper.
func (m *Meter) keep(n int) {
	for i := range n {
		m.keeper.Keep(&m.kept.frames[i], &m.batch[i], m.kept.refs[i])
	}
}
