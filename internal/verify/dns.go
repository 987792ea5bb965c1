package verify

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"strings"

	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// queryName returns the name that a packet asks for in lower case, "" if it is no query in
// plain DNS or cannot be read.
func queryName(p *packet.Packet, frame []byte) string {
	if p.DstPort != portDNS {
		return ""
	}
	payload, ok := p.Payload(frame)
	if !ok {
		return ""
	}
	if p.Proto == packet.ProtoTCP {
		payload = message(payload)
	}
	if len(payload) < dnsmsg.HeaderSize {
		return ""
	}
	name, _, err := dnsmsg.AppendName(nil, payload, dnsmsg.HeaderSize)
	if err != nil {
		return ""
	}
	return strings.ToLower(dnsmsg.Text(name))
}

// asksOnly reports whether a packet has one message of DNS with one question, and nothing else that
// would be passed on with it.
func asksOnly(p *packet.Packet, frame []byte) bool {
	const header = 8 // of UDP, whose own length may leave something behind it
	payload, ok := p.Payload(frame)
	switch {
	case !ok || p.Fragment != packet.FragmentNone:
		return false
	case p.Proto == packet.ProtoTCP:
		payload = message(payload)
	case len(p.Transport(frame)) > header+len(payload):
		return false
	}
	var r dnsmsg.Reader
	if r.Read(payload) != nil || binary.BigEndian.Uint16(payload[4:]) != 1 {
		return false
	}
	for rr := (dnsmsg.Record{}); r.Next(&rr); {
		if rr.Type != dnsmsg.TypeOPT {
			return false
		}
	}
	return r.Err() == nil && r.Offset() == len(payload)
}

// lengthSize is the size of the length in front of a message in DNS over TCP (RFC 1035 section
// 4.2.2).
const lengthSize = 2

// message returns the message that a payload of DNS over TCP begins with. Its length may have come
// in a segment of its own; then the number of questions, which is one, is where a message without
// it has that. With the length, that place has the flags, of which none but an error's code is 1.
func message(payload []byte) []byte {
	const questions = 4 // after the identifier and the flags
	if len(payload) < questions+2 {
		return nil
	}
	if binary.BigEndian.Uint16(payload[questions:]) == 1 {
		return payload
	}
	return payload[lengthSize:]
}

// asksNothing reports whether a packet is a segment of DNS over TCP without a part of a message.
func (s *subject) asksNothing(p *packet.Packet, frame []byte, now int64) bool {
	if p.Proto != packet.ProtoTCP || p.DstPort != portDNS {
		return false
	}
	payload, ok := p.Payload(frame)
	n := len(payload)
	if isCut(p, frame) {
		n = length(p, frame, payload)
	}
	switch {
	case !ok || n == 0:
		return ok
	case n <= lengthSize:
		return s.lengths.add(p, frame, n, now)
	}
	return false
}

// recentDNS are the servers that clients have asked themselves, so that their packets are
// not taken for this machine's own once they are masqueraded.
type recentDNS struct {
	list [64]recentServer
	next int
}

type recentServer struct {
	addr packet.Addr
	at   int64 // own time
}

// recentFor is how long a server counts as asked, in nanoseconds.
const recentFor = int64(60e9)

func (r *recentDNS) note(p *packet.Packet, now int64) {
	for i := range r.list {
		if r.list[i].addr == p.Dst {
			r.list[i].at = now
			return
		}
	}
	r.list[r.next] = recentServer{p.Dst, now}
	r.next = (r.next + 1) % len(r.list)
}

func (r *recentDNS) has(p *packet.Packet, now int64) bool {
	for i := range r.list {
		if r.list[i].at != 0 && r.list[i].addr == p.Dst && now-r.list[i].at <= recentFor {
			return true
		}
	}
	return false
}

// upstream judges DNS that leaves this machine on an interface that is no vif, where the
// servers that are to be asked are known.
func (v *Verifier) upstream(p *packet.Packet) {
	if !v.conf.World.Local(p.Src.Netip(p.Family)) {
		return
	}
	dst := netip.AddrPortFrom(p.Dst.Netip(p.Family), p.DstPort)
	switch {
	case v.dns.has(p, v.now): // it may be that of a qube
	case slices.Contains(v.env.Upstreams, dst):
		v.self.records[DNS2].agrees(p, v.now)
	case magic(dst.Addr()): // Qubes itself looks up the names in the rules of qvm-firewall
	default:
		v.record(v.self, DNS2, p, nil, "")
	}
}
