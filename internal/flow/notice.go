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
	Midstream           bool // TCP: the flow does not begin with a SYN
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
	// tickBits makes ticks of nanoseconds, of a little more than a millisecond. They begin
	// again after 52 days, and no flow is quiet for so long.
	tickBits = 20
)

// burst is the state of the beats of a flow.
type burst struct {
	last  uint32 // time of the latest data in ticks, 0 if there was none
	bytes uint32 // of the data since the last beat
}

// notable reports whether a packet of a live flow may mean anything: most do not.
func (e *entry) notable(p *packet.Packet, swapped bool) bool {
	if swapped != e.is(initiatorB) { // sent by the responder
		return !e.sent(responder)
	}
	return p.Time-e.born >= firstBeat
}

// noteLive notices a notable packet of a live flow, before it is counted.
func (t *Table) noteLive(e *entry, p *packet.Packet, swapped bool) {
	if sideOf(e, swapped) == responder {
		t.notify(Answered, e, p)
		return
	}
	if !carriesData(p) {
		return
	}
	b, now := &e.burst, uint32(p.Time>>tickBits)
	since := int32(now - b.last)
	if b.last == 0 {
		since = 1
	} else if since >= beatGap {
		t.notice.Bytes = b.bytes
		t.notify(Beat, e, p)
		b.bytes = 0
	}
	if since > 0 {
		b.last = now
	}
	b.bytes += p.TransportLen
}

// maxTCPHeader is the size of the largest header of TCP (RFC 9293 section 3.1).
const maxTCPHeader = 60

// carriesData reports whether a packet has a payload. Data in small segments of TCP is
// pushed, and keepalives and acknowledgements are not.
func carriesData(p *packet.Packet) bool {
	switch p.Proto {
	case packet.ProtoTCP:
		return p.TCPFlags&packet.PSH != 0 || p.TransportLen > maxTCPHeader
	case packet.ProtoUDP:
		return p.TransportLen > 8
	}
	return false
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
	bytes := n.Bytes
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
	case k.Proto == packet.ProtoTCP && kind == Answered:
		n.Rejected, n.Midstream = p.TCPFlags&packet.RST != 0, e.tcp.synCount == 0
	}
	if kind == Beat {
		n.Bytes = bytes
	}
	t.cfg.Notice(n)
	n.Bytes = 0
}
