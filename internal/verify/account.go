package verify

import "github.com/qubesbeat/qubesbeat/internal/packet"

// traffic is what is counted for the packets of a subject in a direction.
type traffic struct {
	settled uint64 // packets that could change no verdict, see [Verifier.count]
	last    int64  // own time of the last packet, 0 for none
}

// destination is where a packet went.
type destination struct {
	addr   packet.Addr
	port   uint16
	family uint8
	proto  uint8
}

// accountBits is the size of the number of an account in a [Note].
const accountBits = 11

// ofLoopback is the number of the account of the loopback interface, by which nothing leaves.
const ofLoopback = maxSubjects + 1

// accounts are those of subjects, by number, with all that most packets need of them. The first is
// that of all other interfaces that are no vifs: what leaves there counts as sent to it. The last is that of
// the loopback interface.
type accounts struct {
	subjects [ofLoopback + 1]*subject  // nil for a free account
	traffic  [2 << accountBits]traffic // by account
	past     [2]uint64                 // packets that were counted in accounts that are free again, see sum
}

// account is twice the number of a subject, and one more for what it sends.
type account uint16

// accountOf returns the account of a packet by the note on its flow.
func accountOf(n Note, sent bool) account {
	return account(n>>(noteSubject-1))&(2<<accountBits-2) | account(oneIf(sent))
}

// take gives a subject an account.
func (x *accounts) take(s *subject) {
	for i := 1; i < ofLoopback; i++ {
		if x.subjects[i] == nil {
			x.subjects[i], s.number, s.traffic = s, uint16(i), &x.traffic[2*i+1]
			return
		}
	}
	panic("verify: more subjects than accounts")
}

// give frees the account of a subject, which keeps what it has counted.
func (x *accounts) give(s *subject) {
	to, counted := &x.traffic[2*s.number], *s.traffic
	x.past[0] += to.settled
	x.past[1] += counted.settled
	*to, *s.traffic = traffic{}, traffic{}
	s.traffic, x.subjects[s.number] = &counted, nil
}

// sum returns how many packets were counted in all accounts: those that qubes have sent, and others.
func (x *accounts) sum() (others, ofQubes uint64) {
	others, ofQubes = x.past[0], x.past[1]
	for _, i := range [...]int{0, ofLoopback} {
		others += x.traffic[2*i].settled + x.traffic[2*i+1].settled
	}
	for i, s := range x.subjects {
		if s != nil {
			others += x.traffic[2*i].settled
			ofQubes += x.traffic[2*i+1].settled
		}
	}
	return others, ofQubes
}

// packets returns how many packets a subject has sent.
func (s *subject) packets() uint64 { return s.judged + s.settled }
