package quota

import (
	"hash/maphash"
	"net/netip"

	"github.com/qubesbeat/qubesbeat/internal/event"
)

// maxOutcomes is how many different outcomes a summary names; more are counted as
// [OtherOutcome].
const maxOutcomes = 8

// OtherOutcome is the name of all outcomes for which a summary has no room.
const OtherOutcome = "other"

// maxOutcome bounds the name of an outcome, in bytes.
const maxOutcome = 64

// Outcome is a number of events that ended in the same way.
type Outcome struct {
	Name  string
	Count uint64
}

// Summary counts events of one client and dataset that were left out.
type Summary struct {
	// Parties are the client, without what was not the same in all events.
	Parties event.Parties
	Dataset string

	// Events are those left out. Of these, Interim are reports of flows whose counters a
	// later event contains, and Spoofed have a source address that is not the
	// client's.
	Events, Interim, Spoofed uint64
	// Count is what the events stand for, as in [event.Account].
	Count uint64
	// Size is about how many bytes they would have taken in the output.
	Size uint64

	Start, End     int64 // of all events, in nanoseconds since the Unix epoch
	Sent, Received event.Traffic
	Lowest         uint16 // port; 0 if no event has one
	Highest        uint16
	Outcomes       []Outcome // in the order in which they came

	peers, ports, names distinct
	shared              bool // by several clients
}

// Peers returns about how many different addresses the events have.
func (s *Summary) Peers() uint64 { return s.peers.estimate() }

// Ports returns about how many different ports of other sides the events have.
func (s *Summary) Ports() uint64 { return s.ports.estimate() }

// Names returns about how many different names the events have.
func (s *Summary) Names() uint64 { return s.names.estimate() }

// add counts an event.
func (s *Summary) add(a *event.Account, seed maphash.Seed) {
	if s.Events == 0 {
		s.begin(a)
	}
	s.Events++
	s.Count += a.Count
	s.Size += uint64(a.Size)
	s.Start, s.End = min(s.Start, a.Start), max(s.End, a.End)
	s.Sent.Add(a.Sent)
	s.Received.Add(a.Received)
	if a.Count == 0 {
		s.Interim++
	}
	if a.Parties.Attribution == event.Spoofed {
		s.Spoofed++
	}
	s.keepCommon(a.Parties)
	s.addPeer(a, seed)
	if a.Count > 0 {
		s.addOutcome(a.Outcome, a.Count)
	}
}

// begin takes the client from the first event.
func (s *Summary) begin(a *event.Account) {
	p := a.Parties
	s.Dataset, s.Start, s.End = a.Dataset, a.Start, a.End
	s.Parties = event.Parties{Interface: p.Interface, Qube: p.Qube, Client: p.Client}
	if p.Qube != nil {
		s.Parties.Attribution = event.Inventory
	}
}

// keepCommon leaves out of the parties what is not the same in all events.
func (s *Summary) keepCommon(p *event.Parties) {
	if s.shared {
		s.Parties = event.Parties{}
		return
	}
	if p.Client != s.Parties.Client {
		s.Parties.Client = netip.Addr{}
	}
	if p.Interface != s.Parties.Interface { // the qube was restarted
		s.Parties.Interface = ""
	}
}

// addPeer counts the other side of an event.
func (s *Summary) addPeer(a *event.Account, seed maphash.Seed) {
	if a.Peer.IsValid() {
		s.peers.add(hash(seed, a.Peer))
	}
	if a.Port != 0 {
		s.ports.add(hash(seed, a.Port))
		if s.Lowest == 0 || a.Port < s.Lowest {
			s.Lowest = a.Port
		}
		s.Highest = max(s.Highest, a.Port)
	}
	if a.Name != "" {
		s.names.add(hash(seed, a.Name))
	}
}

// addOutcome counts n events that ended in the same way.
func (s *Summary) addOutcome(name string, n uint64) {
	if name == "" {
		return
	}
	name = name[:min(len(name), maxOutcome)]
	for i := range s.Outcomes {
		if s.Outcomes[i].Name == name {
			s.Outcomes[i].Count += n
			return
		}
	}
	if len(s.Outcomes) < maxOutcomes-1 || name == OtherOutcome {
		s.Outcomes = append(s.Outcomes, Outcome{name, n})
		return
	}
	s.addOutcome(OtherOutcome, n)
}
