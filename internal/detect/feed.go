package detect

import (
	"github.com/qubesbeat/qubesbeat/internal/clienthello"
	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/pipeline"
)

// Feed collects items from the packets and flows of a meter, in its goroutine.
type Feed struct {
	push    func(*Item)
	hello   func(*flow.Record) *clienthello.Hello // may be nil
	waiting []Item                                // messages, certificates and verdicts whose packets are not metered yet
	since   int                                   // packets since the first of them
	names   *Names                                // nil for none
	item    Item                                  // that is being pushed
	records []flow.Record                         // room for the next ones
}

var (
	_ pipeline.Tap      = (*Feed)(nil) // type check
	_ pipeline.FrameTap = (*Feed)(nil) // type check
	_ pipeline.Watcher  = (*Feed)(nil) // type check
)

// NewFeed returns a feed. push takes each item and must copy it; hello returns the
// ClientHello of a flow without forgetting it, and may be nil.
func NewFeed(push func(*Item), hello func(*flow.Record) *clienthello.Hello) *Feed {
	return &Feed{push: push, hello: hello, waiting: make([]Item, 0, flow.BatchSize)}
}

// Name has the names of flows looked up, too. It must be called before the first packet.
func (f *Feed) Name(n *Names) { f.names = n }

// Packet implements [pipeline.Tap]: it takes messages of the DNS, and certificates that
// no authority has issued, or not for the name that the client asks for. The meter shows packets before it meters them, several at once, so both wait for their
// turn.
func (f *Feed) Packet(p *packet.Packet, frame []byte) {
	if len(f.waiting) > 0 {
		if f.since++; f.since >= flow.BatchSize {
			f.releaseAll()
		}
	}
	if p.SrcPort != 53 && p.DstPort != 53 {
		if p.TransportLen < leastSegment {
			return
		}
		if c := f.readCertificate(p, frame); c != nil {
			f.wait(Item{At: p.Time, Iface: p.Iface, Certificate: c})
		}
		return
	}
	if m := readMessage(p, frame); m != nil {
		if f.names != nil {
			f.names.message(m, p.Time)
		}
		f.wait(Item{At: p.Time, Iface: p.Iface, Message: m})
	}
}

// Verified takes the verdict on a check of the verification about the qube of an interface. Like
// what is seen in packets it waits for its turn, so that two runs judge in the same order.
func (f *Feed) Verified(iface string, c Check, at int64) { f.wait(Item{At: at, Vif: iface, Check: &c}) }

// wait has an item wait for its turn.
func (f *Feed) wait(i Item) {
	if len(f.waiting) == 0 {
		f.since = 0
	}
	f.waiting = append(f.waiting, i)
	if len(f.waiting) == maxWaiting {
		f.releaseAll()
	}
}

// maxWaiting is more than the packets of a batch have: verdicts that come while there is no packet
// are not to pile up.
const maxWaiting = 64 * flow.BatchSize

// Close implements [pipeline.Tap].
func (f *Feed) Close() { f.releaseAll() }

// releaseAll passes on all that waits.
func (f *Feed) releaseAll() { f.release(1<<63 - 1) }

// release passes on the messages that came before a time.
func (f *Feed) release(before int64) {
	n := 0
	for n < len(f.waiting) && f.waiting[n].At < before {
		f.push(&f.waiting[n])
		n++
	}
	if n > 0 {
		m := copy(f.waiting, f.waiting[n:])
		clear(f.waiting[m:])
		f.waiting = f.waiting[:m]
	}
}

// Notice implements [pipeline.Watcher].
func (f *Feed) Notice(n *flow.Notice) {
	if len(f.waiting) > 0 {
		f.release(n.At)
	}
	i := &f.item
	i.At, i.Iface, i.Notice = n.At, n.Iface, *n
	f.push(i)
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
	i := &f.item
	i.At, i.Iface, i.Record, i.Notice.Kind = r.End, r.Iface, f.copied(r), 0
	if f.hello != nil {
		i.Hello = f.hello(r)
	}
	f.push(i)
	i.Record, i.Hello = nil, nil
}

// recordsAtOnce is how many records are allocated together: one by one they cost a third of
// what the feed does.
const recordsAtOnce = 16

// copied returns a copy of a record.
func (f *Feed) copied(r *flow.Record) *flow.Record {
	if len(f.records) == 0 {
		f.records = make([]flow.Record, recordsAtOnce)
	}
	c := &f.records[0]
	f.records = f.records[1:]
	*c = *r
	return c
}
