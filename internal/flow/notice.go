package flow

import "github.com/qubesbeat/qubesbeat/internal/packet"

// NoticeKind is what has happened in a flow.
type NoticeKind uint8

// The kinds.
const (
	Opened   NoticeKind = iota + 1 // the flow has begun
	Answered                       // the responder has sent its first packet
	Beat                           // the initiator sends data after half a second or more without any
)

// Notice says what has just happened in a flow that lives.
type Notice struct {
	Source, Destination packet.Addr // the initiator, the responder
	At                  int64       // packet time, nanoseconds since the Unix epoch
	Born                int64       // as in [Record]
	Bytes               uint32      // of the burst of data before a Beat, headers of the transport included
	Iface               uint32
	SourcePort          uint16
	DestinationPort     uint16
	Kind                NoticeKind
	Family, Proto       uint8
	ICMPType            uint8 // of the packet, if Proto is ICMP
	FromSource          packet.Direction
	Midstream           bool // the flow does not begin with a SYN of TCP, or with a packet of the initiator
	Rejected            bool // the answer is a reset
	Stealth             bool // TCP: the flow begins with a segment that no connection has
}

// The bounds of beats.
const (
	// firstBeat is the age that a flow has before its beats count, in nanoseconds: most flows
	// are one request, and the rest of a page.
	firstBeat = 8e9
	// beatGap is the least time without data before a beat, half a second in ticks, so that
	// there are at most two in a second: a RAT that polls once a second is busy for a part of it.
	beatGap = 5e8 >> tickBits
	// mostLate is for how long a packet may be on its way behind others, 8 seconds in ticks:
	// the clock was set back for one that is earlier.
	mostLate = 8e9 >> tickBits
	// tickBits makes ticks of nanoseconds, of a little more than a millisecond. They begin
	// again after 52 days, for which no flow is quiet.
	tickBits = 20
)

// burst is the state of the beats of a flow.
type burst struct {
	last  uint32 // time of the latest data in ticks, 0 if there was none
	bytes uint32 // of the data since the last beat
}

// noteLive notices what a packet of a live flow means, before it is counted. Most mean nothing, and
// whether one has data of the initiator is as good as random to the core, so that is calculated
// instead of asked.
func (t *Table) noteLive(e *entry, p *packet.Packet, swapped bool) {
	side, b, now := sideOf(e, swapped), &e.burst, uint32(p.Time>>tickBits)
	data := carriesData(p) & uint32(1-side) & one(uint64(p.Time-e.born) >= firstBeat) // or before, if the clock was set back
	since, none := now-b.last, one(b.last == 0)
	beat, answer := data&one(int32(since) >= beatGap)&^none, uint32(side)&one(!e.sent(responder))
	switch {
	case beat|answer == 0:
	case beat != 0:
		t.notify(Beat, e, p)
		b.bytes = 0
	default:
		t.notify(Answered, e, p)
	}
	b.last += since * (data & (one(since+mostLate > mostLate) | none))
	b.bytes += p.TransportLen * data
}

// one returns 1 if a condition holds, else 0.
func one(holds bool) uint32 {
	if holds {
		return 1
	}
	return 0
}

// maxTCPHeader is the size of the largest header of TCP (RFC 9293 section 3.1).
const maxTCPHeader = 60

// carriesData returns 1 if a packet has a payload, else 0. Data in small segments of TCP is
// pushed, and keepalives and acknowledgements are not.
func carriesData(p *packet.Packet) uint32 {
	switch p.Proto {
	case packet.ProtoTCP:
		return one(p.TCPFlags&packet.PSH != 0) | one(p.TransportLen > maxTCPHeader)
	case packet.ProtoUDP:
		return one(p.TransportLen > 8)
	}
	return 0
}

// probes reports whether a segment of TCP can belong to no connection: all have SYN, ACK or
// RST set (RFC 9293 section 3.10). Scanners send such ones, with FIN or nothing, to get past
// filters.
func probes(p *packet.Packet) bool {
	return p.Fragment != packet.FragmentLater && p.TCPFlags&(packet.SYN|packet.ACK|packet.RST) == 0
}

// notify passes on what a packet means for a flow.
func (t *Table) notify(kind NoticeKind, e *entry, p *packet.Packet) {
	n, k := &t.notice, &e.key
	*n = Notice{Kind: kind, At: p.Time, Born: e.born, Iface: k.Iface, Family: k.Family, Proto: k.Proto, FromSource: e.side, Source: k.A,
		Destination: k.B, SourcePort: k.APort, DestinationPort: k.BPort}
	if e.is(initiatorB) {
		n.Source, n.Destination, n.SourcePort, n.DestinationPort = n.Destination, n.Source, n.DestinationPort, n.SourcePort
	}
	switch {
	case p.IsICMP():
		n.ICMPType, n.SourcePort, n.DestinationPort = p.ICMPType, 0, 0
	case k.Proto == packet.ProtoTCP && kind == Opened:
		n.Midstream, n.Stealth = !opens(p), probes(p)
	case kind == Opened:
		n.Midstream = n.Source != p.Src || n.SourcePort != p.SrcPort
	case k.Proto == packet.ProtoTCP:
		n.Rejected, n.Midstream = kind == Answered && p.TCPFlags&packet.RST != 0, e.tcp.synCount == 0
	}
	if kind == Beat {
		n.Bytes = e.burst.bytes
	}
	t.cfg.Notice(n)
}
