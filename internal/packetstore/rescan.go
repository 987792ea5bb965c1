package packetstore

import (
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/pcapng"
)

// repaired is a segment that is read again. The flows of its packets are those of their
// addresses and ports, without a key: that was in memory.
type repaired struct {
	segment
	stock  stock
	flows  map[FlowInfo]uint32
	frames flowReader
}

// release drops the notes.
func (r *repaired) release() { r.notes = notes{} }

// add adds a packet.
func (r *repaired) add(b *pcapng.Block, p *pcapng.Packet) {
	if r.packets == 0 {
		r.began, r.first, r.last = p.At, p.At, p.At
	}
	r.first, r.last = min(r.first, p.At), max(r.last, p.At)
	place := uint32(b.Offset / 4)
	if r.packets == 0 || b.Offset/stretch != int64(r.times[len(r.times)-1].place)*4/stretch {
		r.times = append(r.times, timeMark{place, p.At})
	}
	r.packets++
	r.end = b.Offset + int64(b.Length)
	r.total[whole].add(count{1, uint64(p.Length)})
	if f, ok := r.frames.flow(r.link, p.Data); ok {
		r.index(&f, p, place)
	}
}

// index enters a packet of a flow.
func (r *repaired) index(f *FlowInfo, p *pcapng.Packet, place uint32) {
	at, ok := r.flows[*f]
	if !ok {
		if at, ok = r.flows[f.reverse()]; !ok {
			if r.notes.flows >= maxFlows {
				r.unindexed++
				return
			}
			at = r.notes.flows
			f := *f
			f.Born = p.At
			r.stock.flow(&r.notes).start(&f, p.At)
			f.Born = 0
			r.flows[f] = at
		}
	}
	sl := r.notes.slot(at)
	sl.packets++
	sl.bytes += uint64(p.Length)
	sl.first, sl.last = min(sl.first, p.At), max(sl.last, p.At)
	r.stock.log(&r.notes, uint64(at)<<32|uint64(place))
}

// reverse returns the flow in the other direction. ICMP has none.
func (f FlowInfo) reverse() FlowInfo {
	f.Source, f.Destination = f.Destination, f.Source
	if !f.icmp() {
		f.SourcePort, f.DestinationPort = f.DestinationPort, f.SourcePort
	}
	return f
}

func (f *FlowInfo) icmp() bool {
	return f.Protocol == packet.ProtoICMP || f.Protocol == packet.ProtoICMPv6
}

// flowOf returns addresses, ports and protocol of a frame, and whether it has any.
func flowOf(p *packet.Packet, link uint16, frame []byte) (f FlowInfo, ok bool) {
	if p.Decode(packet.Link(link), frame) != packet.OK {
		return f, false
	}
	f = FlowInfo{Source: p.Src.Netip(p.Family), Destination: p.Dst.Netip(p.Family), Protocol: p.Proto, SourcePort: p.SrcPort, DestinationPort: p.DstPort}
	if f.icmp() {
		f.SourcePort, f.DestinationPort = uint16(p.ICMPType), uint16(p.ICMPCode)
	}
	return f, true
}
