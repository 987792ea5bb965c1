package behaviour

import (
	"maps"
	"net/netip"
	"slices"

	"github.com/qubesbeat/qubesbeat/internal/behaviour/baseline"
)

// Profile is what is known of a subject, for people.
type Profile struct {
	Subject                      string
	Learned                      bool
	Observations, Days           int
	Destinations, Ports, Clients int
	Missing                      float64      // probability that the next destination is a new one
	First, Last                  int64        // nanoseconds since the Unix epoch
	Hours                        [168]float64 // weeks in which an hour of the week was active; the first is that of Thursday, 00:00
}

// Profiles returns the profiles of a subject, or of all if its name is "", in their order.
func (e *Engine) Profiles(subject string) (list []Profile) {
	for _, name := range slices.Sorted(maps.Keys(e.subjects)) {
		if subject != "" && name != subject {
			continue
		}
		s := e.subjects[name]
		b := &s.base
		p := Profile{Subject: name, Observations: b.Observations(), Days: b.Days(), Destinations: b.Len(baseline.Destination), Ports: b.Len(baseline.Port),
			Clients: b.Len(baseline.Client), Missing: b.Missing(baseline.Destination)}
		p.First, p.Last = b.Span()
		p.Learned = b.Learned(&e.conf.Learn, p.Last)
		for i := range p.Hours {
			p.Hours[i] = b.Hours().Weeks(i)
		}
		list = append(list, p)
	}
	return list
}

// Use is how a subject has used a destination.
type Use struct {
	Known, Held bool
	First, Last int64 // nanoseconds since the Unix epoch
	Uses        int   // spans of ten minutes
}

// Check returns how a subject has used a destination, which is a registered domain or an
// address, and whether it has.
func (e *Engine) Check(subject, destination string) (u Use, used bool) {
	s := e.subjects[subject]
	if s == nil {
		return Use{}, false
	}
	hash := siphash(e.conf.Key[0], e.conf.Key[1], destination)
	if a, err := netip.ParseAddr(destination); err == nil {
		if hash = e.hashAddr(a, true); s.base.Find(baseline.Destination, hash) == nil {
			hash = e.hashAddr(a, false)
		}
	}
	entry := s.base.Find(baseline.Destination, hash)
	if entry == nil {
		return Use{}, false
	}
	return Use{Known: s.base.Known(entry, s.last), Held: entry.Held(s.last), First: entry.First(), Last: entry.Last(), Uses: entry.Uses()}, true
}

// Forget forgets a subject, or all if its name is "", and returns how many that were.
func (e *Engine) Forget(subject string) (n int) {
	for _, name := range slices.Sorted(maps.Keys(e.subjects)) {
		if subject == "" || name == subject {
			e.drop(e.subjects[name])
			n++
		}
	}
	return n
}

// Dismiss has the destination of a finding learned at once, if the subject is still known:
// the finding was looked at and is not repeated for what it is.
func (e *Engine) Dismiss(f *Finding) bool {
	s := e.subjects[f.Subject]
	if s == nil {
		return false
	}
	entry := s.base.Find(baseline.Destination, f.dest)
	if entry == nil {
		return false
	}
	entry.Release()
	entry.Accept()
	if f.Period > 0 {
		entry.SetPeriod(f.Period)
	}
	return true
}
