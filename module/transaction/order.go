package transaction

import (
	"github.com/elastic/beats/v7/packetbeat/protos"

	"github.com/qubesbeat/qubesbeat/internal/feed"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/reassembly"
)

// order gives one direction of a connection, in order, to the analyzer.
type order struct {
	a   *Analyzers
	c   *connection
	dir uint8
}

var _ reassembly.Handler = (*order)(nil) // type check

// Data implements [reassembly.Handler].
func (o *order) Data(s *reassembly.Segment) {
	k := s.Owner.(*protos.Packet)
	k.Payload = s.Data
	o.c.fed += fedCost*len(s.Data) + 64
	if o.c.fed > measureEvery {
		o.c.measure()
	}
	o.c.greeting.feed(s.Data)
	o.a.parse(o.c, o.dir, k, s.FIN)
}

// Gap implements [reassembly.Handler].
func (o *order) Gap(n int) { o.a.gap(o.c, o.dir, n) }

// add puts a segment in its place. What the segment acknowledges has arrived at
// its sender: a hole before that is one of the capture only.
func (c *connection) add(a *Analyzers, dir uint8, p *feed.Packet, k *protos.Packet) {
	forth, back := order{a, c, dir}, order{a, c, 1 - dir}
	if p.Flags&packet.ACK != 0 {
		c.streams[back.dir].Acked(p.Ack, &back)
	}
	c.streams[back.dir].Advance(p.Time, &back)
	c.streams[dir].Advance(p.Time, &forth)
	c.streams[dir].Add(reassembly.Segment{Time: p.Time, Seq: p.Seq, SYN: p.Flags&packet.SYN != 0,
		FIN: p.Flags&packet.FIN != 0, Data: p.Payload, Owner: k}, &forth)
}
