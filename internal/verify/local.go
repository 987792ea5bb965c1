package verify

import (
	"slices"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// localTries are the last attempts of a qube to reach something in this machine.
type localTries struct {
	list [8]localTry
	next int
}

// localTry is an attempt, and when it was made, in own time; 0 for none.
type localTry struct {
	at    int64
	port  uint16
	proto uint8
}

// answerWithin is how long an attempt may take to be answered, in nanoseconds.
const answerWithin = int64(1e9)

// tryLocal notes an attempt. Attempts that stay without an answer agree with ISO-4; the answer to
// one with another's address would not come here.
func (v *Verifier) tryLocal(s *subject, p *packet.Packet) {
	tries := p.Proto == packet.ProtoUDP || opens(p)
	if !tries || !p.HasL4 || v.isService(p.DstPort) || !s.owns(p) {
		return
	}
	t := &s.tried
	t.list[t.next] = localTry{v.now, p.DstPort, p.Proto}
	t.next = (t.next + 1) % len(t.list)
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
// it was let in. Refusals are no such answers.
func (v *Verifier) localAnswer(s *subject, p *packet.Packet, frame []byte) {
	accepts := p.Proto == packet.ProtoUDP || p.Proto == packet.ProtoTCP && p.TCPFlags&(packet.SYN|packet.ACK) == packet.SYN|packet.ACK
	if !accepts || v.isService(p.SrcPort) {
		return
	}
	for i := range s.tried.list {
		t := &s.tried.list[i]
		if t.at != 0 && t.port == p.SrcPort && t.proto == p.Proto && v.now-t.at <= answerWithin {
			t.at = 0
			v.record(s, ISO4, p, frame, "")
			return
		}
	}
}
