package packetstore

import (
	"net/netip"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// slot is a flow in a segment that is being filled.
type slot struct {
	key              uint64
	born             int64
	first, last      int64
	bytes            uint64 // on the wire
	source, dest     packet.Addr
	packets          uint32 // in the segment
	cut, lost        uint32
	limit            uint32 // bytes from which on headers are kept; 0 without limit
	srcPort, dstPort uint16
	proto, family    uint8
}

// Blocks of notes, 16 KiB and 12 KiB.
const (
	logBlockSize  = 2048
	slotBlockSize = 128
)

type (
	logBlock  [logBlockSize]uint64 // slot << 32 | position / 4
	slotBlock [slotBlockSize]slot
)

// notes are what the index of a segment is made from, in blocks that never move.
type notes struct {
	logs    []*logBlock
	slots   []*slotBlock
	entries uint32 // in logs
	flows   uint32 // in slots
}

// bytes returns the memory of the notes.
func (n *notes) bytes() int {
	return len(n.logs)*logBlockSize*8 + len(n.slots)*slotBlockSize*slotBytes
}

func (n *notes) slot(i uint32) *slot       { return &n.slots[i/slotBlockSize][i%slotBlockSize] }
func (n *notes) entry(i uint32) (e uint64) { return n.logs[i/logBlockSize][i%logBlockSize] }

// slotBytes is the size of a slot.
const slotBytes = 104

// stock is the bounded memory for the notes of all segments.
type stock struct {
	logs        []*logBlock
	slots       []*slotBlock
	used, limit int // bytes, of which used are in notes
}

// log appends an entry, and reports whether there was room.
func (s *stock) log(n *notes, e uint64) bool {
	if i := n.entries % logBlockSize; i == 0 && int(n.entries/logBlockSize) == len(n.logs) && !s.moreLog(n) {
		return false
	}
	n.logs[n.entries/logBlockSize][n.entries%logBlockSize] = e
	n.entries++
	return true
}

func (s *stock) moreLog(n *notes) bool {
	if s.used+logBlockSize*8 > s.limit {
		return false
	}
	s.used += logBlockSize * 8
	if k := len(s.logs); k > 0 {
		n.logs, s.logs = append(n.logs, s.logs[k-1]), s.logs[:k-1]
	} else {
		n.logs = append(n.logs, new(logBlock))
	}
	return true
}

// flow appends an empty slot, or returns nil if there is no room.
func (s *stock) flow(n *notes) *slot {
	if n.flows%slotBlockSize == 0 && int(n.flows/slotBlockSize) == len(n.slots) {
		if s.used+slotBlockSize*slotBytes > s.limit {
			return nil
		}
		s.used += slotBlockSize * slotBytes
		if k := len(s.slots); k > 0 {
			n.slots, s.slots = append(n.slots, s.slots[k-1]), s.slots[:k-1]
		} else {
			n.slots = append(n.slots, new(slotBlock))
		}
	}
	n.flows++
	sl := n.slot(n.flows - 1)
	*sl = slot{}
	return sl
}

// release takes the blocks of notes back.
func (s *stock) release(n *notes) {
	s.used -= n.bytes()
	s.logs, s.slots = append(s.logs, n.logs...), append(s.slots, n.slots...)
	*n = notes{}
}

// start fills a slot for the first packet of a flow in a segment.
func (sl *slot) start(f *FlowInfo, at int64) {
	sl.key, sl.born, sl.first, sl.last = f.Key, f.Born, at, at
	sl.source, sl.family = packet.AddrFrom(f.Source)
	sl.dest, _ = packet.AddrFrom(f.Destination)
	sl.srcPort, sl.dstPort, sl.proto = f.SourcePort, f.DestinationPort, f.Protocol
}

// info returns the flow of a slot.
func (sl *slot) info() FlowInfo {
	return FlowInfo{Key: sl.key, Born: sl.born, Source: addr(&sl.source, sl.family), Destination: addr(&sl.dest, sl.family),
		SourcePort: sl.srcPort, DestinationPort: sl.dstPort, Protocol: sl.proto}
}

func addr(a *packet.Addr, family uint8) netip.Addr { return a.Netip(family) }
