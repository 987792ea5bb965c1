package analysis

import "github.com/qubesbeat/qubesbeat/internal/eventfile"

// Key tells qubes apart: a name is used again by another disposable and on another
// machine.
type Key struct {
	Host string // host.name of the logging qube
	Name string // "" for clients that are not in the inventory
	UUID string // "" if the inventory has none
}

// Qube is what a qube did.
type Qube struct {
	Key
	// Others is set for the sum of the qubes beyond the first ones.
	Others bool
	// What the last event says of the qube.
	Label, Class, Template, NetVM, VIF, IP string
	// Clients are the qubes behind it, 32 at most, if it is a netvm: their traffic is its own
	// here.
	Clients []string
	// Exit is how it is meant to leave, if `qubesbeat verify` has an expectation.
	Exit Exit

	Traffic
	Internal                                             uint64 // bytes with other qubes, which are counted at both
	Spoofed, Unresolved, Unanswered, Inbound, Summarized uint64 // flows, and for Summarized events
	Queries, Denied, Refused, Alerts                     uint64

	Transactions *Counts
	Peers        *Peers
	Countries    *Places
	Networks     *Places
	Domains      *Places
	Names        *Names
	Refusals     *Refusals
	JA4          *Counts
	Timeline     *Timeline
	Hours        [7][24]uint64 // bytes by weekday, from Sunday, and hour
}

// How much is kept.
const (
	maxQubes    = 1000
	maxRows     = 20_000 // of one table
	maxAllRows  = 100_000
	maxCounts   = 200
	maxSessions = 1000
	maxChanges  = 2000
)

// qube returns the qube of an event.
func (a *Analysis) qube() *Qube {
	l := a.line
	key := Key{Host: l.text(fHost), Name: l.text(fQubeName), UUID: l.text(fQubeUUID)}
	q := a.qubes[key]
	if q == nil {
		q = a.newQube(key)
	}
	if q.Others {
		return q
	}
	for _, p := range [...]struct {
		to *string
		f  field
	}{{&q.Label, fQubeLabel}, {&q.Class, fQubeClass}, {&q.Template, fQubeTemplate}, {&q.NetVM, fQubeNetVM}, {&q.VIF, fQubeVIF}, {&q.IP, fQubeIP}} {
		if text := l.text(p.f); text != "" {
			*p.to = text
		}
	}
	q.setClients(l)
	return q
}

// Exit is how the traffic of a qube is meant to leave.
type Exit struct {
	Kind     string // clear, vpn, tor or anon; "" if nothing is expected
	Protocol string // of a tunnel that was recognised
	Endpoint string // of a tunnel, the first one
}

// setExit takes what a verdict about the qube says of its exit.
func (q *Qube) setExit(l *line, subject string) {
	kind := l.text(fExit)
	if kind == "" || subject != q.Name {
		return
	}
	q.Exit.Kind = kind
	if protocol := l.text(fTunnel); protocol != "" {
		q.Exit.Protocol = protocol
	}
	first := true
	l.value(fEndpoints).Each(func(v eventfile.Value) {
		if first {
			q.Exit.Endpoint = l.keep(v)
		}
		first = false
	})
}

// maxClients is how many clients of a netvm an event names.
const maxClients = 32

// setClients takes the clients of an event, if it has some.
func (q *Qube) setClients(l *line) {
	v := l.value(fClients)
	if !v.Exists() {
		return
	}
	q.Clients = q.Clients[:0]
	v.Each(func(name eventfile.Value) {
		if text := l.keep(name); text != "" && len(q.Clients) < maxClients {
			q.Clients = append(q.Clients, text)
		}
	})
}

// newQube adds a qube.
func (a *Analysis) newQube(key Key) *Qube {
	isOthers := len(a.qubes) >= maxQubes
	if isOthers {
		a.OtherQubes++ // events, for the names are not kept
		if key = (Key{Name: "(others)"}); a.others != nil {
			return a.others
		}
	}
	q := &Qube{Key: key, Others: isOthers, Transactions: newTable[Count, *Count](a.pool, maxCounts), Peers: newTable[Peer, *Peer](a.pool, maxRows),
		Countries: newTable[Place, *Place](a.pool, maxCounts), Networks: newTable[Place, *Place](a.pool, maxRows), Domains: newTable[Place, *Place](a.pool, maxRows),
		Names: newTable[Name, *Name](a.pool, maxRows), Refusals: newTable[Refusal, *Refusal](a.pool, maxRows), JA4: newTable[Count, *Count](a.pool, maxCounts),
		Timeline: a.axis.newTimeline()}
	if isOthers {
		a.others = q
	} else {
		a.qubes[key] = q
	}
	return q
}
