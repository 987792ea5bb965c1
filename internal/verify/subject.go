package verify

import (
	"slices"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/qube"
)

// subject is a vif, or this machine, and what is known of it.
type subject struct {
	iface  uint32
	name   string // of the interface
	domain int32  // Xen domain id, [qube.NoDomain] if the interface has no name
	qube   *qube.Qube
	expect *Expectation
	rules  *Rules
	looked int64 // own time of the last look at the inventory

	begun    int64  // packet time of the first packet
	begunOwn int64  // own time of it
	judged   uint64 // packets that it has sent, but for those that traffic has counted
	waiting  int    // its questions without an answer so far
	*traffic
	to destination // of the last packet that was looked at: of a conversation that is settled it is the first

	records [Checks]record
	clock   clock
	memo    memo
	looks   int // packets that may be looked at for marks until the next refresh
	tor     torState
	tried   localTries
	lengths lengths
	asked   asked
	learned learned
	number  uint16  // of its account
	macs    ownMACs // on the vif
	anyIP6  bool    // which IPv6 addresses the qube has is not known
	astray  bool    // which addresses this machine has is not known
	boot    bool
	basis   basis // of the last probe that has shown something
	gone    bool  // the vif: its passes say nothing any more
}

// refreshEvery is how often the inventory is looked at, in nanoseconds of own time.
const refreshEvery = int64(time.Second)

// refresh looks the qube up, and what is expected of it.
func (v *Verifier) refresh(s *subject, at int64) {
	s.looked, s.looks = v.now, looksPerRefresh
	if s.domain != qube.NoDomain {
		q := v.conf.World.ByDomain(s.domain, time.Unix(0, at))
		if s.gone = q == nil && s.qube != nil; s.gone {
			return
		}
		v.moved(s, q)
		if q != s.qube {
			v.forget()
		}
		s.qube = q
	}
	var expect *Expectation
	var rules *Rules
	if s.qube != nil {
		if v.env.Expect != nil {
			expect = v.env.Expect(s.qube)
		}
		if v.env.Rules != nil {
			rules = v.env.Rules(s.qube.IP)
		}
	}
	if !sameExpectation(expect, s.expect) {
		s.forgetExpected()
	}
	if expect != s.expect || rules != s.rules {
		v.forget()
	}
	s.expect, s.rules = expect, rules
	s.astray = !v.conf.World.KnowsItself()
	s.anyIP6 = v.lacksIP6(s)
	exit := s.exit()
	s.memo.byAddress = rules == nil && (exit == ExitNone || exit == ExitClear) && (expect == nil || len(expect.Endpoints) == 0)
}

// lacksIP6 reports whether a qube may have an IPv6 address that the inventory does not say.
func (v *Verifier) lacksIP6(s *subject) bool {
	return v.env.NoIP6 && s.qube != nil && !s.qube.IP6.IsValid()
}

// forgetExpected removes the evidence of checks that rest on an expectation.
func (s *subject) forgetExpected() {
	for c := VPN1; c <= TOR7; c++ {
		s.records[c] = record{}
	}
	s.clock, s.tor = clock{}, torState{}
}

// sameExpectation reports whether two expectations demand the same.
func sameExpectation(a, b *Expectation) bool {
	if a == nil || b == nil || a == b {
		return a == b
	}
	return a.Exit == b.Exit && a.Protocol == b.Protocol && a.Own == b.Own && a.Source == b.Source && a.Conflict == b.Conflict &&
		slices.Equal(a.Endpoints, b.Endpoints) && slices.Equal(a.Names, b.Names) && sameRelays(a.Relays, b.Relays)
}

// exit returns the exit that is expected.
func (s *subject) exit() Exit {
	if s.expect == nil || s.expect.Conflict != "" {
		return ExitNone
	}
	return s.expect.Exit
}

// owns reports whether a packet may have a source address on the vif: one of the qube's,
// or one that any machine may use before it has another.
func (s *subject) owns(p *packet.Packet) bool {
	if s.qube == nil || s.anyIP6 && p.Family == 6 {
		return true // it cannot be judged
	}
	a := p.Src.Netip(p.Family)
	return s.qube.Owns(a) || a.IsUnspecified() || a.IsLinkLocalUnicast()
}

// label returns how results name the subject.
func (s *subject) label() string {
	switch {
	case s.qube != nil:
		return s.qube.Name
	case s.name != "":
		return s.name
	}
	return "this machine"
}
