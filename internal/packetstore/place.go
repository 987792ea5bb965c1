package packetstore

import (
	"time"

	"github.com/qubesbeat/qubesbeat/internal/pcapng"
)

// segmentOf returns the segment that a packet goes into, and begins one if necessary;
// nil if there is no memory.
func (s *Store) segmentOf(st *stream, p *Packet) *segment {
	if g := st.seg; g != nil {
		reason := s.over(g, p)
		if reason == "" {
			return g
		}
		s.seal(st, reason)
	}
	c := s.pool.take(st.iface)
	if c == nil {
		return nil
	}
	s.notePressure()
	if s.open >= maxOpen {
		s.sealOne(func(a, b *segment) bool { return a.recent < b.recent }, "too many open segments")
	}
	return s.begin(st, p, c)
}

// over returns why a packet does not fit into a segment any more.
func (s *Store) over(g *segment, p *Packet) string {
	switch {
	case g.link != p.LinkType:
		return "link type"
	case g.end+int64(len(p.Data))+pageSize > s.conf.Segment.Bytes:
		return "size"
	case p.At-g.first >= int64(s.conf.Segment.Age):
		return "age"
	case g.packets >= maxPackets:
		return "packets"
	case p.At < g.recent-maxBackward:
		return "clock"
	case g.notes.flows >= maxFlows && p.At-g.first >= sealEvery:
		return "flows"
	}
	return ""
}

// sealEvery is the shortest life of a segment whose notes are full: a SYN flood must not
// make more files than an hour of use.
const sealEvery = int64(10 * time.Second)

// begin begins a segment with an empty chunk, whose first page is left to the head.
func (s *Store) begin(st *stream, p *Packet, c *chunk) *segment {
	s.seq++
	g := &segment{iface: st.iface, link: p.LinkType, seq: s.seq, chunk: c, end: pageSize,
		began: p.At, first: p.At, last: p.At, recent: p.At, held: !st.named && !s.knows(st.iface, p.At), flowLimit: s.conf.FlowLimit, headers: s.conf.HeadersOnly, filter: s.conf.Filter}
	c.n = pageSize
	st.seg = g
	s.open++
	s.fresh = append(s.fresh, g)
	s.notify()
	return g
}

// knows reports whether a holder is known whose packets may be stored, so that not all of a
// burst has to wait in one chunk. The writer asks again before it writes anything.
func (s *Store) knows(iface uint32, at int64) bool {
	h, known := s.conf.Names(iface, time.Unix(0, at))
	return known && !h.Excluded
}

// room makes room for a block of n bytes in the segment's chunk.
func (s *Store) room(g *segment, n int) bool {
	if g.chunk != nil && g.chunk.n+n <= chunkFull {
		return true
	}
	if g.chunk != nil {
		if g.held {
			return false
		}
		s.handOver(g)
	}
	c := s.pool.take(g.iface)
	if c == nil {
		return false
	}
	s.notePressure()
	c.base = g.end &^ (pageSize - 1)
	c.n = copy(c.buf, g.tail[:g.end-c.base])
	c.tally = g.tailTally
	g.chunk = c
	return true
}

// handOver gives the segment's chunk to the writer and keeps the page that is not
// complete.
func (s *Store) handOver(g *segment) {
	c := g.chunk
	g.pad()
	g.keepTail()
	s.push(&job{seg: g, chunk: c})
}

// pad fills up the last page of the chunk, so that what is written ends with a block, and no
// byte of it is written again.
func (g *segment) pad() {
	c := g.chunk
	n := padding(c.n)
	if n == 0 {
		return
	}
	b := pcapng.AppendFill(c.buf[:c.n], 0, g.recent, n)
	c.n = len(b)
	g.end += int64(n)
	g.page = tally{}
}

// padding returns how many bytes a filler has that ends with a page; 0 if there need be none.
func padding(n int) int {
	n = -n & (pageSize - 1)
	if n > 0 && n < pcapng.MinFill {
		n += pageSize
	}
	return n
}

// keepTail takes the page that is not complete, and the account of it, out of the chunk.
func (g *segment) keepTail() {
	c := g.chunk
	copy(g.tail[:], c.buf[c.n&^(pageSize-1):c.n])
	g.tailTally = g.page
	c.tally.less(&g.page)
	g.chunk = nil
}
