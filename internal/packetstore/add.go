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
