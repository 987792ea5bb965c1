package packetstore

import (
	"encoding/binary"
	"os"
	"testing"
)

// fragment makes a packet a fragment of a datagram.
func fragment(p *Packet, id uint16, offset int, more bool) *Packet {
	field := uint16(offset / 8)
	if more {
		field |= 0x2000
	}
	binary.BigEndian.PutUint16(p.Data[18:], id)
	binary.BigEndian.PutUint16(p.Data[20:], field)
	return p
}

// TestReader_fragments holds that all fragments of a flow are found, and none of another,
// without an index and after a repair.
func TestReader_fragments(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := newWorld(t, dir, nil)
	for i := range 10 {
		for flow := range 2 { // of the same addresses
			w.Add(fragment(w.packet(7, uint64(flow+1), 1400), uint16(2*i+flow), 0, true))
		}
		for flow := range 2 {
			w.Add(fragment(w.packet(7, uint64(flow+1), 1400), uint16(2*i+flow), 1368, true))
			w.Add(fragment(w.packet(7, uint64(flow+1), 300), uint16(2*i+flow), 2736, false))
		}
	}
	w.stop()
	q := &Query{Flows: []*FlowInfo{info(7, 1)}}
	for _, state := range []string{"sealed", "without an index", "repaired"} {
		switch state {
		case "without an index":
			check(t, os.Remove(indexName(segments(t, dir)[0])))
		case "repaired":
			_, err := Repair(dir)
			check(t, err)
		}
		res, done := copied(t, dir, q)
		if done.Packets != 30 || (len(res.Unreadable) > 0) != (state == "without an index") {
			t.Errorf("%s: %d packets; want 30 (%v)", state, done.Packets, res.Unreadable)
		}
	}
}

// TestFlowReader_bound holds that no more datagrams are known than the bound allows, the
// last ones.
func TestFlowReader_bound(t *testing.T) {
	t.Parallel()
	var r flowReader
	frame := func(id uint16, offset int) []byte {
		b := make([]byte, 100)
		udp(b, 7, 5)
		return fragment(&Packet{Data: b}, id, offset, true).Data
	}
	for id := range uint16(3 * maxDatagrams) {
		r.flow(1, frame(id, 0))
	}
	for id := range uint16(3 * maxDatagrams) {
		f, ok := r.flow(1, frame(id, 64))
		if known := f.SourcePort == 5; !ok || known != (id >= 2*maxDatagrams) {
			t.Fatalf("fragment of datagram %d: %+v, %v", id, f, ok)
		}
	}
	if len(r.fragments.flows) != maxDatagrams || len(r.fragments.order) != maxDatagrams {
		t.Errorf("%d datagrams are known; want %d", len(r.fragments.flows), maxDatagrams)
	}
}
