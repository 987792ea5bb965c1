package detect

import (
	"github.com/qubesbeat/qubesbeat/internal/clienthello"
	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/pipeline"
)

// Feed collects items from the packets and flows of a meter, in its goroutine.
type Feed struct {
	push    func(...Item)
	hello   func(*flow.Record) *clienthello.Hello // may be nil
	waiting []Item                                // messages and certificates whose packets are not metered yet
	held    []Item                                // what has happened in flows, until the verdicts on its packets are known
	checks  []Item                                // verdicts
	names   *Names                                // nil for none
	ended   []Ended                               // room for the next ones
	spoken  [foreignSlots]spoken
}

var (
	_ pipeline.Chooser  = (*Feed)(nil) // type check
	_ pipeline.FrameTap = (*Feed)(nil) // type check
	_ pipeline.Watcher  = (*Feed)(nil) // type check
)

// NewFeed returns a feed. push takes items, at least one, and must copy them; hello returns the
// ClientHello of a flow without forgetting it, and may be nil.
func NewFeed(push func(...Item), hello func(*flow.Record) *clienthello.Hello) *Feed {
	return &Feed{push: push, hello: hello, waiting: make([]Item, 0, flow.BatchSize), held: make([]Item, 0, mostHeld)}
}

// Name has the names of flows looked up, too. It must be called before the first packet.
func (f *Feed) Name(n *Names) { f.names = n }

// Packet implements [pipeline.Tap]: it takes messages of the DNS, and certificates that
// no authority has issued, or not for the name that the client asks for. The meter shows
// packets before it meters them, several at once, so both wait for their turn.
func (f *Feed) Packet(p *packet.Packet, frame []byte) {
	switch kinds := packet.KindsOf(p, frame); {
	case kinds&packet.Domain != 0:
		f.message(p, frame)
	case kinds&packet.Handshake != 0 && p.TransportLen >= leastSegment:
		f.certificate(p, frame)
	}
}

// Kinds implements [pipeline.Chooser].
func (f *Feed) Kinds() packet.Kinds { return packet.Domain | packet.Handshake }

// certificate takes the certificate in a packet, if there is one.
func (f *Feed) certificate(p *packet.Packet, frame []byte) {
	if c := f.readCertificate(p, frame); c != nil {
		f.waiting = append(f.waiting, Item{At: p.Time, Iface: p.Iface, Other: c})
	}
}

// message takes the message of the DNS in a packet, if there is one.
func (f *Feed) message(p *packet.Packet, frame []byte) {
	f.speech(p, frame)
	if m := readMessage(p, frame); m != nil {
		if f.names != nil {
			f.names.message(m, p.Iface, p.Time)
		}
		f.waiting = append(f.waiting, Item{At: p.Time, Iface: p.Iface, Other: m})
	}
}

// Close implements [pipeline.Tap].
func (f *Feed) Close() { f.Flush(true) }

// Notice implements [pipeline.Watcher].
func (f *Feed) Notice(n *flow.Notice) {
	if len(f.waiting) > 0 {
		f.release(n.At)
	}
	i := f.hold()
	i.At, i.Iface, i.Notice = n.At, n.Iface, *n
}

// Record implements [pipeline.Watcher]. Interim records say nothing that the final one does
// not.
func (f *Feed) Record(r *flow.Record) {
	if f.names != nil {
		f.names.record(r)
	}
	if !r.Final() {
		return
	}
	e := f.copied(r)
	if f.hello != nil {
		e.Hello = f.hello(r)
	}
	i := f.hold()
	i.At, i.Iface, i.Other = r.End, r.Iface, e
}

// endedAtOnce is how many flows that have ended are allocated together: one by one they cost a
// third of what the feed does.
const endedAtOnce = 16

// copied returns a copy of a record.
func (f *Feed) copied(r *flow.Record) *Ended {
	if len(f.ended) == 0 {
		f.ended = make([]Ended, endedAtOnce)
	}
	e := &f.ended[0]
	f.ended = f.ended[1:]
	e.Record = *r
	return e
}
