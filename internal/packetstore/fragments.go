package packetstore

import "github.com/qubesbeat/qubesbeat/internal/packet"

// flowReader finds out the flows of frames that come one after the other.
type flowReader struct {
	packet    packet.Packet
	fragments fragments
}

// flow returns addresses, ports and protocol of a frame, and whether it has any. Those of a
// later fragment are those of the first one.
func (r *flowReader) flow(link uint16, frame []byte) (f FlowInfo, ok bool) {
	if f, ok = flowOf(&r.packet, link, frame); ok && r.packet.Fragment != packet.FragmentNone {
		r.fragments.resolve(&r.packet, &f)
	}
	return f, ok
}

// maxDatagrams is of how many datagrams the first fragment is known.
const maxDatagrams = 1024

// fragments are the flows of the last datagrams that came as fragments.
type fragments struct {
	flows map[datagram]FlowInfo
	order []datagram // the oldest at next, once there are maxDatagrams
	next  int
}

// datagram is what the fragments of a datagram have in common.
type datagram struct {
	source, dest packet.Addr
	id           uint32
	family       uint8
	proto        uint8
}

// resolve notes the flow of a first fragment, and enters it in that of a later one.
func (t *fragments) resolve(p *packet.Packet, f *FlowInfo) {
	d := datagram{p.Src, p.Dst, p.FragID, p.Family, p.Proto}
	if p.Fragment == packet.FragmentLater {
		if first, ok := t.flows[d]; ok {
			*f = first
		}
		return
	}
	if !p.HasL4 {
		return
	}
	if _, ok := t.flows[d]; !ok {
		t.enter(d)
	}
	t.flows[d] = *f
}

// enter notes a datagram, instead of the oldest one if there are too many.
func (t *fragments) enter(d datagram) {
	if t.flows == nil {
		t.flows = map[datagram]FlowInfo{}
	}
	if len(t.order) < maxDatagrams {
		t.order = append(t.order, d)
		return
	}
	delete(t.flows, t.order[t.next])
	t.order[t.next] = d
	t.next = (t.next + 1) % maxDatagrams
}
