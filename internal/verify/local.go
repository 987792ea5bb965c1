package verify

import (
	"slices"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// localTries are the last attempts of a qube to reach something in this machine.
type localTries struct {
	list [64]localTry
	next int
}

// localTry is an attempt, and when it was made last, in own time; 0 for none.
type localTry struct {
	at    int64
	port  uint16
	own   uint16 // the port that it comes from; 0 for several
	proto uint8
}

// answerWithin is how long an attempt may take to be answered, in nanoseconds.
const answerWithin = int64(1e9)

// tryLocal notes an attempt. Attempts that stay without an answer agree with ISO-4; the answer to
// one with another's address would not come here.
func (v *Verifier) tryLocal(s *subject, p *packet.Packet, frame []byte) {
	tries := p.Proto == packet.ProtoUDP || p.Proto == packet.ProtoTCP
	if !tries || !beginsNew(p) || v.isService(p.DstPort) || !s.owns(p) || !s.taken(p, frame) {
		return
	}
	if s.tried.add(localTry{max(v.now, 1), p.DstPort, p.SrcPort, p.Proto}) {
		s.missed(setOf(ISO4), v.now)
	}
}

// add notes an attempt, and reports whether another one had to go that still waited for an answer.
func (t *localTries) add(one localTry) (full bool) {
	if waiting := t.find(one.port, one.proto); waiting != nil {
		if waiting.at = one.at; waiting.own != one.own {
			waiting.own = 0
		}
		return false
	}
	full = t.list[t.next].at != 0
	t.list[t.next] = one
	t.next = (t.next + 1) % len(t.list)
	return full
}

// find returns the attempt at a port that waits for an answer, nil if there is none.
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
		if t.at != 0 && v.now-t.at > answerWithin {
			s.records[ISO4].agreed(t.at-v.shift, v.now)
			t.at = 0
		}
	}
}

// isService reports whether clients may reach a port of this machine.
func (v *Verifier) isService(port uint16) bool {
	return port == portDNS || slices.Contains(v.env.Ports, port)
}

// localAnswer judges what this machine sends to a qube: an answer to an attempt means that
// it was let in. Refusals are no such answers: they end the attempt. That of TCP is one whatever is known
// of the attempt.
func (v *Verifier) localAnswer(s *subject, p *packet.Packet, frame []byte) {
	accepts := p.Proto == packet.ProtoTCP && p.TCPFlags&(packet.SYN|packet.ACK) == packet.SYN|packet.ACK
	refuses := refusal(p, frame)
	if !accepts && !refuses && p.Proto != packet.ProtoUDP || v.isService(p.SrcPort) {
		return
	}
	t := s.tried.find(p.SrcPort, p.Proto)
	if t != nil && v.now-t.at <= answerWithin && (t.own == 0 || t.own == p.DstPort) {
		if refuses {
			s.records[ISO4].agreed(t.at-v.shift, v.now)
		}
		t.at, accepts = 0, !refuses
	}
	if accepts {
		v.record(s, ISO4, p, frame, "")
	}
}
