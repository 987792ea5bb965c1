package top

import (
	"net/netip"
	"sync"

	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/share"
)

// tally is what was counted of a client apart from packets.
type tally struct {
	queries, blocked, refused, findings uint64
	seen                                uint64 // when it was last counted, by the clock of tallies
}

// addTo adds the counters to those of another tally.
func (t *tally) addTo(sum *tally) {
	sum.queries += t.queries
	sum.blocked += t.blocked
	sum.refused += t.refused
	sum.findings += t.findings
}

// tallies counts by client: its interface, or its address if that is not known, as for DNS
// over TCP. Each kind is bounded like the interfaces of the gauge, so that a qube that
// invents addresses takes the place of addresses only. The zero value is ready for use. It
// is safe for concurrent use.
type tallies struct {
	mu      sync.Mutex
	kinds   [2]map[string]*tally // guarded by mu: by interface, by address
	clock   uint64               // guarded by mu: counts the calls of add
	evicted uint64               // guarded by mu
}

// kindOf returns the kind of a client's name.
func kindOf(client string) int {
	if _, err := netip.ParseAddr(client); err == nil {
		return 1
	}
	return 0
}

// add has do count for a client.
func (t *tallies) add(client string, do func(*tally)) {
	if client == "" {
		return // the beat's own
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.clock++
	kind := &t.kinds[kindOf(client)]
	one := (*kind)[client]
	if one == nil {
		one = t.begin(kind, client)
	}
	one.seen = t.clock
	do(one)
}

// begin makes the tally of a client, if need be in place of the one that was counted for
// longest ago. It is called with mu held.
func (t *tallies) begin(kind *map[string]*tally, client string) *tally {
	if *kind == nil {
		*kind = map[string]*tally{}
	}
	if len(*kind) >= maxInterfaces {
		delete(*kind, share.Oldest(*kind, func(one *tally) int64 { return int64(one.seen) }))
		t.evicted++
	}
	one := new(tally)
	(*kind)[client] = one
	return one
}

// all returns a copy.
func (t *tallies) all() map[string]tally {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := make(map[string]tally, len(t.kinds[0])+len(t.kinds[1]))
	for _, kind := range t.kinds {
		for name, one := range kind {
			list[name] = *one
		}
	}
	return list
}

// forget forgets a client.
func (t *tallies) forget(client string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.kinds[kindOf(client)], client)
}

// lost returns how many clients were forgotten for want of room.
func (t *tallies) lost() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.evicted
}

// Query counts queries of a client to the resolver: its interface or, if that is not known,
// its address. A nil *Service counts nothing.
func (s *Service) Query(client string, blocked bool, n uint64) {
	if s == nil {
		return
	}
	s.tallies.add(client, func(t *tally) {
		if t.queries += n; blocked {
			t.blocked += n
		}
	})
}

// Watch returns a sink that counts the verdicts and findings that pass it on their way to
// another sink. That of a nil *Service is the other sink.
func (s *Service) Watch(sink event.Sink) event.Sink {
	if s == nil {
		return sink
	}
	return &watched{sink, &s.tallies}
}

// watched is a sink that counts. It is as safe for concurrent use as the one behind it.
type watched struct {
	event.Sink
	tallies *tallies
}

// Publish implements [event.Sink].
func (w *watched) Publish(d event.Document) {
	if c, ok := d.(event.Countable); ok {
		var a event.Account
		c.Account(&a)
		w.count(&a)
	}
	w.Sink.Publish(d)
}

// count counts what an event stands for.
func (w *watched) count(a *event.Account) {
	switch {
	case a.Alert:
		w.tallies.add(a.Parties.ObservationPoint(), func(t *tally) { t.findings++ })
	case a.Dataset == "qubesbeat.firewall":
		w.tallies.add(a.Parties.ObservationPoint(), func(t *tally) { t.refused += a.Count })
	}
}
