package verify

import (
	"slices"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// localTries are the last attempts of a qube to reach something in this machine.
type localTries struct {
	list   [64]localTry
	next   int
	pushed int64 // own time at which one had to go last that an answer may still come to; 0 for never
}

// localTry is an attempt, and when it was made last, in own time; 0 for none.
type localTry struct {
	at     int64
	port   uint16
	own    uint16 // the port that it comes from; 0 for several
	proto  uint8
	proves bool // this machine has taken it
	judged bool // it has had no answer in time
}

// answerWithin is how long an attempt may take to be answered until it counts as one without an answer, and
// lateWithin how long until a packet of this machine is no answer to it, in nanoseconds.
const (
	answerWithin = int64(1e9)
	lateWithin   = int64(120e9)
)

// tryLocal notes an attempt. Attempts that stay without an answer agree with ISO-4, if this machine has taken them; the
// answer to one with another's address would not come here.
func (v *Verifier) tryLocal(s *subject, p *packet.Packet, frame []byte) {
	tries := p.Proto == packet.ProtoUDP || p.Proto == packet.ProtoTCP
	if !tries || !p.HasL4 || !beginsNew(p) || v.isService(p.DstPort) || !s.owns(p) {
		return
	}
	one := localTry{at: max(v.now, 1), port: p.DstPort, own: p.SrcPort, proto: p.Proto, proves: s.taken(p, frame)}
	if s.tried.add(one) {
		s.missed(setOf(ISO4), v.now)
	}
}

// add notes an attempt, and reports whether another one had to go that still waited for an answer.
func (t *localTries) add(one localTry) (full bool) {
	if waiting := t.find(one.port, one.proto); waiting != nil {
		if waiting.own != one.own {
			one.own = 0
		}
		one.proves = one.proves || waiting.proves && !waiting.judged
		*waiting = one
		return false
	}
	if old := &t.list[t.next]; old.at != 0 {
		full, t.pushed = !old.judged, one.at
	}
	t.list[t.next] = one
	t.next = (t.next + 1) % len(t.list)
	return full
}

// find returns the attempt at a port that an answer may come to, nil if there is none.
func (t *localTries) find(port uint16, proto uint8) *localTry {
	for i := range t.list {
		if one := &t.list[i]; one.at != 0 && one.port == port && one.proto == proto {
			return one
		}
	}
	return nil
}

// unanswered counts the attempts whose time for an answer is over.
func (v *Verifier) unanswered(s *subject) {
	for i := range s.tried.list {
		t := &s.tried.list[i]
		switch {
		case t.at == 0 || v.now-t.at <= answerWithin:
		case v.now-t.at > lateWithin:
			t.at = 0
		case !t.judged:
			v.withoutAnswer(s, t)
		}
	}
}

// withoutAnswer judges an attempt that has had no answer.
func (v *Verifier) withoutAnswer(s *subject, t *localTry) {
	if t.judged = true; t.proves {
		s.records[ISO4].agreed(t.at-v.shift, v.now)
	}
}

// answered ends an attempt. A refusal means that nothing was let in.
func (v *Verifier) answered(s *subject, t *localTry, refuses bool) {
	if refuses && !t.judged {
		v.withoutAnswer(s, t)
	}
	t.at = 0
}

// isService reports whether clients may reach a port of this machine.
func (v *Verifier) isService(port uint16) bool {
	return port == portDNS || slices.Contains(v.env.Ports, port)
}

// localAnswer judges what this machine sends to a qube: an answer to an attempt means that
// it was let in, however late. Refusals are no such answers: they end the attempt. That of TCP is one whatever is known
// of the attempt; of UDP, it is not known what a datagram is if attempts had to go.
func (v *Verifier) localAnswer(s *subject, p *packet.Packet, frame []byte) {
	accepts := p.Proto == packet.ProtoTCP && p.TCPFlags&(packet.SYN|packet.ACK) == packet.SYN|packet.ACK
	refuses, datagram := refusal(p, frame), p.Proto == packet.ProtoUDP && p.Fragment != packet.FragmentLater
	if !accepts && !refuses && !datagram || v.isService(p.SrcPort) {
		return
	}
	switch t := s.tried.find(p.SrcPort, p.Proto); {
	case t != nil && (t.own == 0 || t.own == p.DstPort):
		accepts = !refuses
		v.answered(s, t, refuses)
	case datagram && s.tried.pushed != 0 && v.now-s.tried.pushed <= lateWithin:
		s.missed(setOf(ISO4), v.now)
	}
	if accepts {
		v.record(s, ISO4, p, frame, "")
	}
}
