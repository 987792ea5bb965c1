package verify

import (
	"time"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// reached are the last conversations between qubes of which a packet has come through. What comes back in them
// is an answer: it speaks against who has begun, and not against who answers.
type reached struct {
	list [32]passage
	next int
}

// passage is such a conversation, as its first packet went.
type passage struct {
	src, dst         packet.Addr
	srcPort, dstPort uint16
	proto            uint8
	at               int64 // own time of the last packet, 0 for none
}

// answersFor is how long after its last packet a conversation may be answered, in nanoseconds.
const answersFor = int64(5 * time.Minute)

// note remembers a packet that has come through.
func (r *reached) note(x *Sample, now int64) {
	one := passage{x.Src, x.Dst, x.SrcPort, x.DstPort, x.Proto, max(now, 1)}
	for i := range r.list {
		if other := &r.list[i]; other.is(&one) {
			other.at = one.at
			return
		}
	}
	r.list[r.next] = one
	r.next = (r.next + 1) % len(r.list)
}

func (a *passage) is(b *passage) bool {
	return a.src == b.src && a.dst == b.dst && a.srcPort == b.srcPort && a.dstPort == b.dstPort && a.proto == b.proto
}

// answered reports whether a packet is an answer to one that has come through, or an ICMP error that may be about
// one.
func (r *reached) answered(p *packet.Packet, now int64) bool {
	if opens(p) || isQuery(p) && beginsNew(p) {
		return false
	}
	back := passage{src: p.Dst, dst: p.Src, srcPort: p.DstPort, dstPort: p.SrcPort, proto: p.Proto}
	for i := range r.list {
		if one := &r.list[i]; one.at != 0 && now-one.at < answersFor && one.src == back.src && one.dst == back.dst && (isICMPError(p) || one.is(&back)) {
			return true
		}
	}
	return false
}

// piece returns the packet that is followed and of which this one, from a qube to another one, may be a part: it has
// left in several.
func (t *tracer) piece(p *packet.Packet) *trace {
	for n := range t.n {
		one := t.numbered(t.first + uint64(n)) //nolint:gosec // not negative
		x := &one.sample
		if one.subject == nil || !one.pieces || !one.checks.has(ISO1) || x.Src != p.Src || x.Dst != p.Dst || x.Proto != p.Proto {
			continue
		}
		if !p.HasL4 || p.IsICMP() || x.SrcPort == p.SrcPort && x.DstPort == p.DstPort {
			return one
		}
	}
	return nil
}
