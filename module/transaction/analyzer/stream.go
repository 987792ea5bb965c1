package analyzer

import (
	"github.com/elastic/beats/v7/packetbeat/protos"

	"github.com/qubesbeat/qubesbeat/internal/feed"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/reassembly"
)

// stream passes one direction of a connection, in order, to the analyzer.
type stream struct {
	a   *analyzers
	c   *connection
	dir uint8
}

var _ reassembly.Handler = (*stream)(nil) // type check

// Data implements [reassembly.Handler].
func (s *stream) Data(seg *reassembly.Segment) {
	k := seg.Owner.(*protos.Packet)
	k.Payload = seg.Data
	s.c.fed += fedCost*len(seg.Data) + 64
	if s.c.fed > measureEvery {
		s.c.measure()
	}
	s.c.hello.feed(seg.Data)
	s.a.parse(s.c, s.dir, k, seg.FIN)
}

// Gap implements [reassembly.Handler].
func (s *stream) Gap(n int) { s.a.reportGap(s.c, s.dir, n) }

// add passes on a segment when it is its turn. What the segment acknowledges has
// arrived at its sender: a gap before that is one of the capture only.
func (c *connection) add(a *analyzers, dir uint8, p *feed.Packet, k *protos.Packet) {
	forward, backward := stream{a, c, dir}, stream{a, c, 1 - dir}
	if p.Flags&packet.ACK != 0 {
		c.streams[backward.dir].Acked(p.Ack, &backward)
	}
	c.streams[backward.dir].Advance(p.Time, &backward)
	c.streams[dir].Advance(p.Time, &forward)
	c.streams[dir].Add(reassembly.Segment{Time: p.Time, Seq: p.Seq, SYN: p.Flags&packet.SYN != 0,
		FIN: p.Flags&packet.FIN != 0, Data: p.Payload, Owner: k}, &forward)
}
