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
	// Keep is called with the frames of a batch, their packets and the flows of those, in a table; or
	// with frames that are in no flow, such as ARP: packets and refs are nil then. The bytes of the
	// frames belong to the source, and refs to the table: neither may be used after the call.
	Keep(frames []capture.Frame, packets []packet.Packet, t *flow.Table, refs []flow.Ref)
	// Report is called with each record, to fill in Kept. Of the packets of the batch that
	// the flow ends in, it does not know yet.
	Report(r *flow.Record)
}

// errKeeper is returned by NewMeter.
var errKeeper = errors.New("a keeper of packets needs a live capture and flows")
