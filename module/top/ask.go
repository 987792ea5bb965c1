package top

import (
	"cmp"
	"context"
	"errors"
	"net/netip"
	"time"
)

// question is what the meter is asked.
type question struct {
	open   uint32   // of this interface, all peers are wanted
	forget []uint32 // interfaces that are gone for good
	answer chan []reading
}

// reading is what the gauge has counted of an interface.
type reading struct {
	iface   uint32
	client  netip.Addr
	packets [2]uint64 // by side
	bytes   [2]uint64
	flows   int
	begun   uint64
	seen    int64  // nanoseconds since the Unix epoch
	peers   []peer // the one with most traffic first; of interfaces that are not open only that
}

// watchFor is for how long peers are counted after someone has looked.
const watchFor = 10 * time.Second

// errSilent is returned if the meter does not answer.
var errSilent = errors.New("the meter does not answer; it may be starting or stopping: try again")

// read asks the meter, which wake makes look. Calls must not overlap.
func (g *gauge) read(ctx context.Context, wake func(), q question) ([]reading, error) {
	q.answer = make(chan []reading, 1)
	g.ask.Store(&q)
	wake()
	select {
	case r := <-q.answer:
		return r, nil
	case <-time.After(answerWait):
	case <-g.stopped: // the meter has ended
	case <-ctx.Done():
	}
	g.ask.Store(nil)
	return nil, cmp.Or(ctx.Err(), errSilent)
}

// answerWait is how long the meter has to answer. Under load it takes a millisecond.
const answerWait = 2 * time.Second

// Share implements [pipeline.Gauge].
func (g *gauge) Share() {
	if q := g.ask.Load(); q != nil && g.ask.CompareAndSwap(q, nil) {
		q.answer <- g.readings(q)
		g.watching, g.until = true, time.Now().Add(watchFor)
		return
	}
	if g.watching && time.Now().After(g.until) {
		g.watching = false
		for _, s := range g.slots {
			s.peers = nil
		}
	}
}

// readings returns the counters of all interfaces.
func (g *gauge) readings(q *question) []reading {
	for _, iface := range q.forget {
		g.forget(iface)
	}
	all := make([]reading, 0, len(g.slots))
	for _, s := range g.slots {
		r := reading{iface: s.iface, client: s.addr(), packets: s.packets, bytes: s.bytes, flows: s.flows, begun: s.begun, seen: s.seen}
		switch {
		case s.peers == nil:
		case s.iface == q.open:
			r.peers = s.peers.ranked()
		default:
			r.peers = s.peers.top()
		}
		all = append(all, r)
	}
	return all
}
