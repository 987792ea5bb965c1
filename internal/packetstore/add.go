package packetstore

import (
	"time"

	"github.com/qubesbeat/qubesbeat/internal/pcapng"
)

// What is stored of frames that are cut: all headers of nearly any packet and, under
// pressure, the beginning of a ClientHello or a DNS answer.
const (
	cutBytes     = 256
	flowCutBytes = 128
)

// Bounds of an open segment.
const (
	maxPackets  = 256 << 10
	maxFlows    = 64 << 10 // an Account has 16 bits for them
	maxStreams  = 4096
	maxOpen     = 128
	maxBackward = int64(time.Minute) // of the clock
)

// Begin must be called before some packets are added, and End at once after them: between the two
// nothing else can be done with the store.
func (s *Store) Begin() { s.mu.Lock() }

// End is described at [Store.Begin].
func (s *Store) End() { s.mu.Unlock() }

// Add stores a packet, between Begin and End. It is called by the meter's goroutine only. It never
// waits for the disk, and allocates nothing for a flow that the segment knows.
func (s *Store) Add(p *Packet) {
	size := count{1, uint64(p.Length)}
	s.c.frames.add(size)
	st := s.streamOf(p.Iface)
	switch {
	case st == nil:
		s.c.lostMemory.add(size)
		p.lose()
	case st.excluded:
		s.c.excluded.add(size)
	case s.level >= levelFull:
		s.c.lostDisk.add(size)
		p.lose()
	default:
		s.store(st, p, size)
	}
}

// Pressure reports whether half of the buffers are in use, while which Add stores headers
// only of those that use them most, and of all when an eighth is left; the capture goes by its own
// ring. It may be called from any goroutine.
func (s *Store) Pressure() bool { return s.pressure.Load() }

// streamOf returns the stream of an interface, nil if there are too many.
func (s *Store) streamOf(iface uint32) *stream {
	if st := s.recent; st != nil && st.iface == iface {
		return st
	}
	st := s.streams[iface]
	if st == nil {
		if len(s.streams) >= maxStreams {
			return nil
		}
		st = &stream{iface: iface}
		s.streams[iface] = st
	}
	s.recent = st
	return st
}

// store appends a packet to the segment of its stream.
func (s *Store) store(st *stream, p *Packet, size count) {
	g := s.segmentOf(st, p)
	if g == nil {
		s.lost().add(size)
		p.lose()
		return
	}
	g.kernel += uint64(p.Dropped)
	g.dropped += uint64(p.Dropped)
	at, sl := s.slotOf(g, p)
	n, k := s.portion(g, p, sl)
	if !s.room(g, pcapng.PacketBytes(n, p.Flags, g.dropped)) {
		s.lose(g, sl, size)
		p.lose()
		return
	}
	s.append(g, p, n, at, sl != nil)
	g.count(p, k, size)
	s.c.waiting[k].add(size)
	p.keep(g.seq, k)
	if sl != nil {
		sl.packets++
		sl.bytes += uint64(p.Length)
		sl.first, sl.last = min(sl.first, p.At), max(sl.last, p.At)
		if k != whole {
			sl.cut++
		}
	}
}

// lost returns the account of packets for which there is no memory: of the disk if it
// keeps the writer from emptying it.
func (s *Store) lost() *count {
	if s.stalled {
		return &s.c.lostDisk
	}
	return &s.c.lostMemory
}

// lose counts a packet for which there was no memory.
func (s *Store) lose(g *segment, sl *slot, size count) {
	s.lost().add(size)
	g.lost.add(size)
	g.dropped++
	if sl != nil {
		sl.lost++
	}
}

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

// slotOf returns the slot of a packet's flow, and makes it if the segment does not know
// the flow; nil if the packet is of no flow or there is no room.
func (s *Store) slotOf(g *segment, p *Packet) (uint32, *slot) {
	if p.Account == nil {
		return 0, nil
	}
	if a := p.Account; a.segment == g.seq && uint32(a.slot) < g.notes.flows {
		return uint32(a.slot), g.notes.slot(uint32(a.slot))
	}
	if g.notes.flows >= maxFlows {
		return 0, nil
	}
	sl := s.stock.flow(&g.notes)
	if sl == nil {
		s.tighten()
		return 0, nil
	}
	sl.start(s.info(p), p.At)
	sl.limit = s.limitOf(g, sl)
	p.Account.segment, p.Account.slot = g.seq, uint16(g.notes.flows-1)
	return g.notes.flows - 1, sl
}

// info returns what names the flow of a packet.
func (s *Store) info(p *Packet) *FlowInfo {
	if p.Flow != nil {
		return p.Flow
	}
	p.Describe(&s.described)
	return &s.described
}

// portion returns how many bytes of a packet are stored, and why not more.
func (s *Store) portion(g *segment, p *Packet, sl *slot) (n int, k kind) {
	most := s.conf.Snaplen
	if g.headers {
		most = min(most, cutBytes)
	}
	if n = min(len(p.Data), most); n < min(p.Length, most) {
		k = cutPressure // by the capture, whose ring was filling up
	}
	if sl != nil && sl.limit > 0 && sl.bytes >= uint64(sl.limit) && n > flowCutBytes {
		if !s.lifted(sl) {
			return flowCutBytes, cutFlow
		}
		sl.limit = 0
	}
	if n > cutBytes && (s.level == levelShort || s.pressed(g.iface) || s.pool.greedy(g.iface) || g.held && g.end > chunkSize/2) {
		return cutBytes, cutPressure
	}
	return n, k
}

// pressed reports whether packets of an interface are cut because the buffers run full: of those that
// fill them, and of all when there is little left.
func (s *Store) pressed(iface uint32) bool {
	return s.pressure.Load() && (s.pool.filling(iface) || s.pool.short())
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

// append appends n bytes of a packet, and notes where for the flow of a slot.
func (s *Store) append(g *segment, p *Packet, n int, at uint32, known bool) {
	c := g.chunk
	place := uint32(g.end / 4)
	if g.packets == 0 || g.end/stretch != int64(g.times[len(g.times)-1].place)*4/stretch {
		g.times = append(g.times, timeMark{place, p.At})
	}
	if p.Account != nil && !(known && s.note(g, at, place)) {
		g.unindexed++
		s.c.unindexed++
	}
	b := pcapng.AppendPacket(c.buf[:c.n], &pcapng.Packet{At: p.At, Data: p.Data[:n], Length: uint32(p.Length), Flags: p.Flags, Dropped: g.dropped})
	g.end += int64(len(b) - c.n)
	c.n = len(b)
	g.dropped = 0
}

// note enters a packet into the log, and reports whether there was room.
func (s *Store) note(g *segment, at, place uint32) bool {
	if s.stock.log(&g.notes, uint64(at)<<32|uint64(place)) {
		return true
	}
	s.tighten()
	return false
}

// count counts the packet that was just appended.
func (g *segment) count(p *Packet, k kind, size count) {
	c := g.chunk
	if (g.end-1)/pageSize != g.pageOf {
		g.pageOf, g.page = (g.end-1)/pageSize, tally{}
	}
	if g.end%pageSize != 0 {
		g.page[k].add(size)
	} else {
		g.page = tally{}
	}
	c.tally[k].add(size)
	g.total[k].add(size)
	g.packets++
	g.first, g.last, g.recent = min(g.first, p.At), max(g.last, p.At), p.At
}
