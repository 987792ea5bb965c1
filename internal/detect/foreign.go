package detect

import (
	"encoding/binary"
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

// maxForeign bounds the pairs that are remembered.
const maxForeign = 4096

// observe implements [Other]: it is no observation, but those to come are seen otherwise.
func (x *Foreign) observe(t *Translator, _ *Item) bool {
	if len(t.foreign) >= maxForeign {
		clear(t.foreign)
	}
	t.foreign[x.pair] = struct{}{}
	return false
}

// isForeign reports whether what a client and a server exchange on a port is known to be something else
// than what the port is for.
func (t *Translator) isForeign(client, server netip.Addr, port uint16, proto uint8) bool {
	if port != 53 || len(t.foreign) == 0 {
		return false
	}
	_, ok := t.foreign[pair{client, server, proto}]
	return ok
}

// speakDNS notes that a client and a server exchange messages of the DNS: what could not be read was
// one of them, too.
func (t *Translator) speakDNS(client, server netip.Addr) {
	if len(t.foreign) > 0 {
		delete(t.foreign, pair{client, server, packet.ProtoUDP})
		delete(t.foreign, pair{client, server, packet.ProtoTCP})
	}
}

// The bounds of the pairs that a feed has passed on.
const (
	foreignSlots = 256
	foreignAgain = int64(60e9) // after which a pair is passed on once more, in case it was forgotten
)

// passedOn is a pair, and when it was passed on.
type passedOn struct {
	pair
	at int64
}

// strange takes the pair of a packet from or to port 53 that is not of the DNS.
func (f *Feed) strange(p *packet.Packet, frame []byte) {
	payload, ok := p.Payload(frame)
	if !ok || p.Fragment != packet.FragmentNone || !isForeign(p, payload, int(p.Length) > len(frame)) {
		return
	}
	x := &Foreign{pair{p.Src.Netip(p.Family), p.Dst.Netip(p.Family), p.Proto}}
	if p.SrcPort == 53 {
		x.client, x.server = x.server, x.client
	}
	last := &f.foreign[f.slot(p)%foreignSlots]
	if last.pair == x.pair && p.Time-last.at < foreignAgain && p.Time >= last.at {
		return
	}
	*last = passedOn{x.pair, p.Time}
	f.waiting = append(f.waiting, Item{At: p.Time, Iface: p.Iface, Other: x})
}

// slot returns a hash of the addresses of a packet, the same in both directions.
func (*Feed) slot(p *packet.Packet) uint64 {
	h := binary.LittleEndian.Uint64(p.Src[:]) ^ binary.LittleEndian.Uint64(p.Dst[:])
	return (h ^ uint64(p.Proto)) * 0x9e3779b97f4a7c15 >> 56
}

// isForeign reports whether a payload from or to port 53 is certainly not of the DNS. Over TCP only what
// clients send is judged: a response may be longer than a segment, and a segment may be its middle.
// What the capture has cut off may be what is missing.
func isForeign(p *packet.Packet, payload []byte, cut bool) bool {
	if p.Proto == packet.ProtoTCP {
		if p.DstPort != 53 || len(payload) < 2+dnsmsg.HeaderSize {
			return false
		}
		payload = payload[2:]
	}
	if len(payload) == 0 || cut {
		return false
	}
	return !isDNS(payload)
}

// maxOpcode is the greatest opcode that is assigned (IANA, DNS OpCodes: DSO).
const maxOpcode = 6

// isDNS reports whether bytes begin like a message of the DNS (RFC 1035 section 4.1): an opcode that
// is assigned, no bit that must be zero, at most one question, which can be read.
func isDNS(msg []byte) bool {
	if len(msg) < dnsmsg.HeaderSize {
		return false
	}
	flags := binary.BigEndian.Uint16(msg[2:])
	questions, answer, authority, additional := dnsmsg.Counts(msg)
	if flags>>11&15 > maxOpcode || flags&0x40 != 0 || questions > 1 || questions+answer+authority+additional == 0 && flags>>11&15 != maxOpcode {
		return false
	}
	var r dnsmsg.Reader
	return r.Read(msg) == nil
}
