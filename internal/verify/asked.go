package verify

import (
	"encoding/binary"
	"net/netip"

	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/stun"
)

// maxAsked bounds the questions of a qube that wait for an answer.
const maxAsked = 8

// askedFor is how long a question waits, in nanoseconds.
const askedFor = int64(5e9)

// asked are the last questions of a qube about its own address.
type asked struct {
	list [maxAsked]question
	next int
}

// question is one, to a server; its time is 0 if it does not wait.
type question struct {
	at               int64 // own time
	server, own      packet.Addr
	serverPort, port uint16
	id               stun.ID // of DNS the first two bytes
	about            *whoami // nil for STUN
}

// asks notes a question about the qube's own address: one that is sent to the outside, or in
// DNS also to the resolver. What a tunnel or Tor leaves beside it is a leak, and no exit.
// It reports whether the packet is such a question.
func (v *Verifier) asks(s *subject, c class, p *packet.Packet, frame []byte) bool {
	if exit := s.exit(); exit != ExitNone && exit != ExitClear {
		return false
	}
	if c != classOutside && (p.DstPort != portDNS || c != classMagic && c != classLocal) || !s.owns(p) {
		return false
	}
	payload, ok := p.Payload(frame)
	if !ok {
		return false
	}
	q := question{at: max(v.now, 1), server: p.Dst, own: p.Src, serverPort: p.DstPort, port: p.SrcPort}
	if q.id, ok = stun.Request(payload); !ok {
		if q.about = whoamiOf(p, frame); q.about == nil {
			return false
		}
		q.id = stun.ID{payload[0], payload[1]}
	}
	v.wait(s, s.asked.add(q))
	return true
}

// wait notes that more questions of a subject wait for an answer, or less. While one does, all
// that the subject is sent is looked at.
func (v *Verifier) wait(s *subject, more int) {
	s.waiting += more
	v.waiting += more
}

// add notes a question, and returns how many more wait now. With too many, the oldest goes.
func (a *asked) add(q question) (more int) {
	if a.list[a.next].at == 0 {
		more = 1
	}
	a.list[a.next] = q
	a.next = (a.next + 1) % maxAsked
	return more
}

// expire ends the questions that have waited for long enough, and returns how many.
func (a *asked) expire(now int64) (ended int) {
	for i := range a.list {
		if q := &a.list[i]; q.at != 0 && now-q.at > askedFor {
			q.at = 0
			ended++
		}
	}
	return ended
}

// told takes the answer to a question, from the server and to the port that it was sent from.
func (v *Verifier) told(s *subject, p *packet.Packet, frame []byte) {
	payload, ok := p.Payload(frame)
	if !ok || p.Proto != packet.ProtoUDP {
		return
	}
	for i := range s.asked.list {
		q := &s.asked.list[i]
		if q.at == 0 || q.server != p.Src || q.serverPort != p.SrcPort || q.own != p.Dst || q.port != p.DstPort {
			continue
		}
		if a, method, ok := q.answer(p, payload); ok {
			q.at = 0
			v.wait(s, -1)
			if public(a) && s.qube != nil {
				v.seenAs(s.qube.Name, a, method, p.Time)
			}
			return
		}
	}
}

// answer reads the answer to a question.
func (q *question) answer(p *packet.Packet, payload []byte) (a netip.Addr, method string, ok bool) {
	if q.about == nil {
		at, ok := stun.Mapped(payload, q.id)
		return at.Addr().Unmap(), "stun", ok
	}
	if len(payload) < 2 || binary.BigEndian.Uint16(payload) != binary.BigEndian.Uint16(q.id[:]) {
		return a, "", false
	}
	a, ok = q.about.answer(payload)
	return a.Unmap(), q.about.method(p.Src.Netip(p.Family)), ok
}

// public reports whether an address may be one under which the Internet sees a qube.
func public(a netip.Addr) bool { return a.IsGlobalUnicast() && !localNetwork(a) }
