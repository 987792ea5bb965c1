package verify

import "github.com/qubesbeat/qubesbeat/internal/packet"

// Note is what the verifier remembers of a flow for its next packets; 0 is nothing. Only the
// verifier that has written it can read it. From the lowest bit on:
//
//	5 bits   which of its packets are settled, see [verdictBits]
//	3 bits   how many of them were looked at for marks of tunnels, up to learnFrom, which has a bit alone
//	11 bits  the number of the subject's account
//	13 bits  of the epoch in which that was true: the flow is over before they come again
type Note uint32

const (
	noteLooked  = 5
	noteSubject = 8
	noteEpoch   = noteSubject + accountBits

	epochMask = 1<<(32-noteEpoch) - 1
)

func (n Note) looked() uint8   { return uint8(n>>noteLooked) & 7 }
func (n Note) subject() uint16 { return uint16(n>>noteSubject) & (1<<accountBits - 1) }
func (n Note) epoch() uint32   { return uint32(n >> noteEpoch) }

// verdictBits say which packets of a flow can change no verdict, by their direction in the
// flow and, where it is known, at the interface: there are four. Where an interface has no
// directions there are two, and the upper two bits tell who sends.
type verdictBits uint8

// noDirection is set in the bits of an interface without directions.
const noDirection verdictBits = 1 << 4

// look says how bits are read for a packet: it is settled if those in mask are as in want, and
// the subject has sent it if one in from is set.
type look struct{ mask, want, from verdictBits }

// looks are by direction at the interface and in the flow.
var looks = [4][2]look{
	packet.DirectionUnknown: {{1 | noDirection, 1 | noDirection, 1 << 2}, {2 | noDirection, 2 | noDirection, 2 << 2}},
	packet.Inbound:          {{1 | noDirection, 1, 1}, {2 | noDirection, 2, 2}},
	packet.Outbound:         {{1<<2 | noDirection, 1 << 2, 0}, {2<<2 | noDirection, 2 << 2, 0}},
}

// lookOf returns how the bits of a note are read for a packet.
func lookOf(p *packet.Packet, back bool) *look { return &looks[p.Direction&3][oneIf(back)] }

// quick counts a packet that, by the note on its flow, can change no verdict, and reports whether
// it is one. It looks more closely than [Verifier.count]: at the first packets of a flow for
// marks of tunnels, and at what a subject without questions is sent while others have some.
func (v *Verifier) quick(p *packet.Packet, frame []byte, note *Note, back bool) bool {
	n, own := *note, p.Time+v.shift
	if own < v.now || own >= v.due || n.epoch() != v.epoch&epochMask {
		return false
	}
	at, bits := lookOf(p, back), verdictBits(n)
	if bits&at.mask != at.want {
		return false
	}
	sent, s := bits&at.from != 0, v.accounts.subjects[n.subject()]
	if !sent && s != nil && s.waiting != 0 {
		return false
	}
	v.now = own
	if v.watches() {
		v.watch(s, p, frame, sent, n.subject() == ofLoopback)
	}
	if sent && s != nil && n.looked() < learnFrom {
		*note += Note(s.lookAt(p, frame, n.looked())-n.looked()) << noteLooked
	}
	t := &v.accounts.traffic[accountOf(n, sent)]
	t.settled++
	t.last = own
	return true
}

// watch looks whether a packet that can change no verdict by itself is one that is followed, or like one. s is nil on an
// interface that is no vif.
func (v *Verifier) watch(s *subject, p *packet.Packet, frame []byte, sent, loopback bool) {
	switch {
	case s == nil && (sent || loopback):
	case sent:
		v.arrive(s, p, frame)
	default:
		v.leaves(p, frame)
		if s != nil {
			v.tracer.answers(s, p, frame)
		}
	}
}

// oneIf returns 1 if something holds, and 0 otherwise.
func oneIf(holds bool) int {
	if holds {
		return 1
	}
	return 0
}

// settledPacket is what was found out of a packet.
type settledPacket struct {
	subject *subject // nil on another interface than a vif
	from    bool     // the subject has sent it
	settled bool     // packets like it can change no verdict, as long as nothing else changes
	foreign bool     // it goes to an address that no qube has
	looked  uint8    // packets of its flow that were looked at
	account uint16   // its number, if there is no subject
}

// answers returns the bit of the packets of the other direction if they are settled with
// this one: what comes back from where nothing is judged, and all that comes in on an
// interface that is no vif. Without directions the addresses decide whose a packet is, so that
// what comes back must not be of a qube, wherever that is.
func (f *settledPacket) answers(p *packet.Packet, back bool) verdictBits {
	switch {
	case f.from && p.Direction == packet.Inbound:
		return looks[packet.Outbound][oneIf(!back)].want
	case f.from && p.Direction == packet.DirectionUnknown && f.foreign:
		return looks[packet.DirectionUnknown][oneIf(!back)].want
	case f.subject == nil && p.Direction == packet.Outbound:
		return looks[packet.Inbound][oneIf(!back)].want
	}
	return 0
}

// write notes what was found out of a packet on its flow.
func (v *Verifier) write(note *Note, p *packet.Packet, back bool, f settledPacket) {
	at, slot := lookOf(p, back), f.account
	if f.subject != nil {
		slot = f.subject.number
	}
	n, kind := *note, at.want&noDirection
	bits, looked := kind, n.looked()
	if n.epoch() == v.epoch&epochMask && n.subject() == slot && verdictBits(n)&noDirection == kind {
		bits = verdictBits(n) & (1<<noteLooked - 1)
	}
	if bits &^= at.mask; f.settled {
		bits |= at.want | f.answers(p, back)
	}
	if bits |= kind; kind != 0 {
		bits &^= at.from
	}
	if f.from && kind != 0 {
		bits |= at.from
	}
	if f.from || f.subject == nil {
		looked = f.looked
	}
	*note = Note(bits) | Note(looked)<<noteLooked | Note(slot)<<noteSubject | Note(v.epoch&epochMask)<<noteEpoch
}

// forget begins a new epoch: no note and no memory of a conversation holds any more.
func (v *Verifier) forget() { v.epoch++ }
