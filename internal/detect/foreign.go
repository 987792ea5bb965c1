package detect

import (
	"encoding/binary"
	"errors"
	"net/netip"

	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// Foreign says that a client and a server exchange something else than the DNS on its port, such
// as a shell or a tunnel: what is usual on that port does not hold for them.
type Foreign struct{ pair }

// pair is a client and a server, and the protocol of their transport.
type pair struct {
	client, server netip.Addr
	proto          uint8
}

// The bounds of the pairs that are remembered, and for how long after the last packet of the kind.
const (
	maxForeign = 4096
	foreignFor = int64(3600e9)
)

// observe implements [Other]: it is no observation, but those to come are seen otherwise.
func (x *Foreign) observe(t *Translator, i *Item) bool {
	if len(t.foreign) >= maxForeign {
		clear(t.foreign)
	}
	t.foreign[x.pair] = i.At
	return false
}

// isForeign reports whether what a client and a server exchange on a port is known to be something else
// than what the port is for, at a time.
func (t *Translator) isForeign(client, server netip.Addr, port uint16, proto uint8, at int64) bool {
	if port != 53 || len(t.foreign) == 0 {
		return false
	}
	last, ok := t.foreign[pair{client, server, proto}]
	return ok && at-last < foreignFor
}

// The bounds of the pairs whose packets a feed counts.
const (
	foreignSlots = 256
	leastForeign = 2           // packets: one may be what a program has got wrong
	foreignShare = 4           // times as many messages may be of the DNS: a shell may send some, too
	foreignAgain = int64(60e9) // after which a pair is passed on once more
)

// spoken is what a pair has exchanged on port 53 within an hour.
type spoken struct {
	pair
	since, passed  int64 // when counting began, and when the pair was passed on; 0 for never
	foreign, valid uint32
}

// speech counts a packet from or to port 53, and takes the pair if what it exchanges is not the DNS.
func (f *Feed) speech(p *packet.Packet, frame []byte) {
	payload, ok := p.Payload(frame)
	if !ok || len(payload) == 0 || p.Fragment != packet.FragmentNone {
		return
	}
	who := pair{p.Src.Netip(p.Family), p.Dst.Netip(p.Family), p.Proto}
	if p.SrcPort == 53 {
		who.client, who.server = who.server, who.client
	}
	x := &f.spoken[slotOf(p)%foreignSlots]
	if x.pair != who || p.Time-x.since >= foreignFor || p.Time < x.since {
		*x = spoken{pair: who, since: p.Time}
	}
	if !isForeign(p, payload, int(p.Length) > len(frame)) {
		x.valid++
		return
	}
	if x.foreign++; x.foreign >= leastForeign && x.foreign*foreignShare >= x.valid && (x.passed == 0 || p.Time-x.passed >= foreignAgain) {
		x.passed = p.Time
		f.waiting = append(f.waiting, Item{At: p.Time, Iface: p.Iface, Other: &Foreign{who}})
	}
}

// slotOf returns a hash of the addresses of a packet, the same in both directions.
func slotOf(p *packet.Packet) uint64 {
	h := binary.LittleEndian.Uint64(p.Src[:]) ^ binary.LittleEndian.Uint64(p.Dst[:])
	return (h ^ uint64(p.Proto)) * 0x9e3779b97f4a7c15 >> 56
}

// isForeign reports whether a payload from or to port 53 is certainly not of the DNS. Over TCP only what
// clients send is judged: a response may be longer than a segment, and a segment may be its middle.
// What the capture has cut off may be what is missing.
func isForeign(p *packet.Packet, payload []byte, cut bool) bool {
	switch {
	case cut, p.Proto == packet.ProtoTCP && (p.DstPort != 53 || len(payload) < 2):
		return false
	case p.Proto == packet.ProtoTCP:
		return !isQueryOverTCP(payload)
	}
	return !isDNS(payload, true)
}

// longestQuery is how long a query over TCP may say that it is, in bytes.
const longestQuery = 8192

// isQueryOverTCP reports whether bytes begin like a query with its length in front (RFC 1035 section
// 4.2.2), which may come in several segments.
func isQueryOverTCP(b []byte) bool {
	n, msg := int(binary.BigEndian.Uint16(b)), b[2:]
	if n < dnsmsg.HeaderSize || n > longestQuery {
		return false
	}
	return len(msg) < dnsmsg.HeaderSize || isDNS(msg[:min(n, len(msg))], len(msg) >= n)
}

// maxOpcode is the greatest opcode that is assigned (IANA, DNS OpCodes: DSO).
const maxOpcode = 6

// mostRecords is how many records a query has at most that has not come whole: those of an update.
const mostRecords = 64

// isDNS reports whether bytes are a message of the DNS (RFC 1035 section 4.1): an opcode that is
// assigned, no bit that must be zero, at most one question, and nothing behind the last record. Of one
// that is not whole only the beginning is read.
func isDNS(msg []byte, whole bool) bool {
	if len(msg) < dnsmsg.HeaderSize {
		return false
	}
	flags := binary.BigEndian.Uint16(msg[2:])
	questions, answer, authority, additional := dnsmsg.Counts(msg)
	if flags>>11&15 > maxOpcode || flags&0x40 != 0 || questions > 1 || questions+answer+authority+additional == 0 && flags>>11&15 != maxOpcode {
		return false
	}
	var r dnsmsg.Reader
	switch err := r.Read(msg); {
	case !whole && answer+authority+additional > mostRecords:
		return false
	case !whole:
		return err == nil || errors.Is(err, dnsmsg.ErrTruncated)
	case err != nil:
		return false
	}
	for rr := (dnsmsg.Record{}); r.Next(&rr); {
	}
	return r.Err() == nil && r.Offset() == len(msg)
}
