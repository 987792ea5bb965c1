package verify

import (
	"encoding/binary"
	"strings"

	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// queryName returns the name that a packet asks for in lower case, "" if it is no query in
// plain DNS or cannot be read.
func queryName(p *packet.Packet, frame []byte) string {
	const kind = 0xf8 // in the third byte, with that of an answer: 0 for a query
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
	if len(payload) < dnsmsg.HeaderSize || payload[2]&kind != 0 {
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
