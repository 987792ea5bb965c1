package pipeline

import (
	"github.com/qubesbeat/qubesbeat/internal/capture"
	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// Judge looks at packets whose flows are known, and may leave a note on a flow: most packets
// need no other look than one at that. It runs in the meter's goroutine.
type Judge interface {
	// Packets is called with packets in order, their frames, and their flows, all of the same
	// length; where flows are not metered, the latter are the zero Ref. The bytes of the
	// frames belong to the source, and the flows to the table: neither may be used after the
	// call.
	Packets(ps []packet.Packet, frames []capture.Frame, flows []flow.Ref)
	Ticker
	// Close is called after the last packet.
	Close()
}
