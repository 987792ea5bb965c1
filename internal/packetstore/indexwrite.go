package packetstore

import (
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"slices"

	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// indexer makes indexes, in memory that it uses again. It is not safe for concurrent use.
type indexer struct {
	starts    []uint32 // by slot: where in positions its own begin
	positions []uint32
	order     []numbered // slots, by mixed key
	ids       []numbered // places in order, by Community ID
	out, part []byte
}

// numbered is what a table of an index holds.
type numbered struct {
	number uint64
	of     uint32
}

func byNumber(a, b numbered) int {
	return cmp.Or(cmp.Compare(a.number, b.number), cmp.Compare(a.of, b.of))
}

// index returns the index of a segment of size bytes, which is valid until the next call.
func (x *indexer) index(g *segment, size int64, repaired bool) []byte {
	x.sort(&g.notes)
	h := indexHead{flows: g.notes.flows, packets: g.packets, unindexed: g.unindexed, lost: clamp(g.lost.packets),
		cut: clamp(g.total[cutFlow].packets + g.total[cutPressure].packets), marks: uint32(len(g.times)), first: g.first, last: g.last,
		size: size, link: g.link, repaired: repaired}
	x.ids = x.ids[:0]
	x.part = x.part[:0]
	x.out = slices.Grow(x.out[:0], headBytes+len(x.order)*(2*entryBytes+80))[:headBytes]
	for i, o := range x.order {
		sl := g.notes.slot(o.of)
		x.ids = append(x.ids, numbered{communityNumber(sl), uint32(i)})
		x.out = le.AppendUint32(le.AppendUint64(x.out, o.number), uint32(len(x.part)))
		x.flow(sl, g.first, x.positions[x.starts[o.of]:x.starts[o.of+1]])
	}
	slices.SortFunc(x.ids, byNumber)
	for _, n := range x.ids {
		x.out = le.AppendUint32(le.AppendUint64(x.out, n.number), n.of)
	}
	for _, m := range g.times {
		x.mark(m, g.first)
	}
	h.flowBytes = uint32(len(x.part))
	x.out = append(x.out, x.part...)
	at := h.partAt()
	for i := range h.sums {
		h.sums[i] = crc32.Checksum(x.out[at[i]:at[i+1]], crcTab)
	}
	h.append(x.out[:0])
	return x.out
}

func clamp(n uint64) uint32 { return uint32(min(n, 1<<32-1)) }

// sort brings the positions of the log into the order of flows, and the flows into that
// of their keys.
func (x *indexer) sort(n *notes) {
	x.starts = append(x.starts[:0], make([]uint32, n.flows+1)...)
	for i := range n.entries {
		x.starts[n.entry(i)>>32+1]++
	}
	x.order = x.order[:0]
	for i := range n.flows {
		x.starts[i+1] += x.starts[i]
		x.order = append(x.order, numbered{mix(n.slot(i).key), i})
	}
	x.positions = append(x.positions[:0], make([]uint32, n.entries)...)
	next := slices.Clone(x.starts)
	for i := range n.entries {
		e := n.entry(i)
		x.positions[next[e>>32]] = uint32(e)
		next[e>>32]++
	}
	slices.SortFunc(x.order, byNumber)
}

// mark appends a time mark. Time that goes backwards counts as none.
func (x *indexer) mark(m timeMark, first int64) {
	after := uint64(max(m.at-first, 0)) / 1000
	x.out = le.AppendUint32(x.out, m.place)
	x.out = le.AppendUint16(le.AppendUint32(x.out, uint32(after)), uint16(after>>32))
}

// flow appends the record of a flow.
func (x *indexer) flow(sl *slot, first int64, positions []uint32) {
	b := append(x.part, sl.family, sl.proto)
	n := 16
	if sl.family == 4 {
		n = 4
	}
	b = append(append(b, sl.source[:n]...), sl.dest[:n]...)
	b = le.AppendUint16(le.AppendUint16(b, sl.srcPort), sl.dstPort)
	b = binary.AppendVarint(b, sl.born-first)
	b = binary.AppendVarint(b, sl.first-first)
	b = binary.AppendVarint(b, sl.last-sl.first)
	for _, v := range []uint64{uint64(sl.packets), sl.bytes, uint64(sl.cut), uint64(sl.lost), uint64(len(positions))} {
		b = binary.AppendUvarint(b, v)
	}
	x.part = appendPositions(b, positions)
}

// appendPositions appends ascending positions as differences. A difference that repeats
// is followed by 0 and how often.
func appendPositions(b []byte, positions []uint32) []byte {
	last, step := uint32(0), uint32(0)
	for i := 0; i < len(positions); {
		if d := positions[i] - last; d != step {
			b = binary.AppendUvarint(b, uint64(d))
			last, step = positions[i], d
			i++
			continue
		}
		run := uint32(0)
		for ; i < len(positions) && positions[i]-last == step; i++ {
			last = positions[i]
			run++
		}
		b = binary.AppendUvarint(append(b, 0), uint64(run))
	}
	return b
}

// communityNumber returns the first 8 bytes of the hash in a flow's Community ID.
func communityNumber(sl *slot) uint64 {
	r := flow.Record{Family: sl.family, Proto: sl.proto}
	r.Source, r.Destination = flow.Endpoint{Addr: sl.source, Port: sl.srcPort}, flow.Endpoint{Addr: sl.dest, Port: sl.dstPort}
	if sl.proto == packet.ProtoICMP || sl.proto == packet.ProtoICMPv6 {
		r.Source.ICMPType, r.Source.ICMPCode = uint8(sl.srcPort), uint8(sl.dstPort)
	}
	n, _ := communityText(r.CommunityID(0))
	return n
}

// IsCommunityID reports whether a text is a Community ID as those that are searched for, with version 1.
func IsCommunityID(text string) bool {
	_, ok := communityText(text)
	return ok
}

// communityText returns the number of a Community ID with seed 0, and whether it is one.
func communityText(id string) (uint64, bool) {
	if len(id) != 30 || id[:2] != "1:" {
		return 0, false
	}
	sum, err := base64.StdEncoding.DecodeString(id[2:])
	if err != nil || len(sum) != 20 {
		return 0, false
	}
	return binary.BigEndian.Uint64(sum), true
}
