package pipeline

import (
	"github.com/qubesbeat/qubesbeat/internal/capture"
	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/guard"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// MeterConfig holds the settings of a [Meter]. Source and Queue must not be nil,
// and Flow must be valid unless NoFlows is set.
type MeterConfig struct {
	Source capture.Source
	Queue  *Queue
	Flow   flow.Config // Report is set by the meter
	// NoFlows leaves flows out: packets are decoded for the taps only.
	NoFlows bool
	// Dump is shown every frame, decoded or not. It may be nil.
	Dump func(*capture.Frame)
	// Keeper gets every frame with its flow. It may be nil, and needs a live Source and
	// flows.
	Keeper Keeper
	// Judge gets every packet with its flow, after Keeper. It may be nil.
	Judge Judge
	// Gauge counts what is metered, by observation point. It may be nil.
	Gauge Gauge
	// Watcher is shown what happens in flows. It may be nil.
	Watcher Watcher
	// Taps look at every packet that could be decoded, in the meter's goroutine.
	Taps []Tap
	// Now is the time on the packets' clock while no packet comes; nil means
	// that time stands still then, as in a replay at full speed.
	Now func() int64
	// Guard recovers from panics while packets are read, observed and metered: a
	// packet is lost with its batch, and a table that panicked is replaced. It may be
	// nil.
	Guard *guard.Part
}

// Tap looks at packets on their way to the table. It must copy what it wants to
// keep of the frame, and is closed after the last packet.
type Tap interface {
	Packet(p *packet.Packet, frame []byte)
	Close()
}

// Chooser is a [Tap] that looks at some kinds of packets only, and is shown no others: calls for all
// packets cost more than most taps do.
type Chooser interface {
	Tap
	// Kinds returns the kinds that it looks at from now on. It is called before the first packet,
	// and after each that the tap was shown.
	Kinds() packet.Kinds
}

// FrameTap is a [Tap] that looks at frames without an IP packet, too. It must copy what it wants
// to keep. All packets before the frame are metered.
type FrameTap interface {
	Frame(f *capture.Frame)
}

// Ticker is a [Tap] that wants to know the time while no packet comes.
type Ticker interface {
	// Tick is called about once a second, with the time on the packets' clock.
	Tick(now int64)
}

// Watcher is shown what happens in flows, in the order of the packets and in the meter's
// goroutine. It must copy what it wants to keep.
type Watcher interface {
	Notice(n *flow.Notice)
	Record(r *flow.Record)
	// Flush is called after several packets, when what happens in their flows was shown and
	// the Judge has seen them, and after a Ticker was called. idle says that the meter looks up from
	// its work, so that more packets may not come soon.
	Flush(idle bool)
}
