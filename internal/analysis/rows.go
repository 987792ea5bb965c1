package analysis

import "time"

// Span is the time between the first and the last event of a row.
type Span struct{ First, Last time.Time }

func (s *Span) extend(from, to time.Time) {
	if s.First.IsZero() || from.Before(s.First) {
		s.First = from
	}
	if to.After(s.Last) {
		s.Last = to
	}
}

func (s *Span) join(other Span) {
	if !other.First.IsZero() {
		s.extend(other.First, other.Last)
	}
}

// Traffic counts flows and their bytes, as the qube sent and received them.
type Traffic struct {
	Flows, Out, In uint64
	Span
}

// Bytes returns the bytes in both directions.
func (t *Traffic) Bytes() uint64 { return t.Out + t.In }

func (t *Traffic) weight() uint64 { return t.Out + t.In }

func (t *Traffic) merge(other *Traffic) {
	t.Flows, t.Out, t.In = t.Flows+other.Flows, t.Out+other.Out, t.In+other.In
	t.join(other.Span)
}

// Peer is the other side of flows of one qube.
type Peer struct {
	Name      string // of a qube, a resolved name or a server name; "" if there is none
	IsQube    bool
	IP        string
	Port      uint64 // 0 without ports
	Transport string
	Country   string // two letters, "" if unknown
	Network   string // number and name of the autonomous system, "" if unknown
	Inbound   uint64 // flows that the other side opened
	Traffic
}

func (p *Peer) add(other *Peer) {
	p.merge(&other.Traffic)
	p.Inbound += other.Inbound
}

// Place is where a qube's traffic goes: a country, a network or a domain.
type Place struct {
	Name string
	Traffic
}

func (p *Place) add(other *Place) { p.merge(&other.Traffic) }

// Name is a name that was asked for.
type Name struct {
	Name            string
	Queries, Denied uint64
	List            string // that denied it, the last one
	Span
}

func (n *Name) weight() uint64 { return n.Queries }

func (n *Name) add(other *Name) {
	n.Queries, n.Denied = n.Queries+other.Queries, n.Denied+other.Denied
	n.join(other.Span)
}

// Refusal is what the firewall refused.
type Refusal struct {
	Point, Rule string
	Peer        string // address, or the name of a qube; "" if it stands for several
	Port        uint64
	Transport   string
	Packets     uint64
	Span
}

func (r *Refusal) weight() uint64 { return r.Packets }

func (r *Refusal) add(other *Refusal) {
	r.Packets += other.Packets
	r.join(other.Span)
}

// Finding is an alert: traffic that deserves a look.
type Finding struct {
	Qube        *Qube
	Action      string // such as dns-bypass
	Method      string // how, "" if the finding does not say
	Level       string // such as medium, "" if the finding does not say
	Severity    uint64
	Reason      string // a sentence, of the last one
	Destination string
	Count       uint64
	Span
}

func (f *Finding) weight() uint64 { return f.Severity<<40 + min(f.Count, 1<<40-1) }

func (f *Finding) add(other *Finding) {
	f.Count += other.Count
	f.join(other.Span)
}

// Verdict is the last verdict of a check of `qubesbeat verify` about a subject.
type Verdict struct {
	Qube                     *Qube
	Check, Title, Subject    string
	Verdict, Previous, State string // State is "stale" where the verdict is no longer up to date
	Reason, Why              string // Why is the word for it of what is unknown
	Since                    time.Time
	Fails, Events            uint64
	Span
}

func (v *Verdict) weight() uint64 {
	switch v.Verdict {
	case "fail":
		return 3
	case "unknown":
		return 2
	case "pass":
		return 1
	}
	return 0
}

func (v *Verdict) add(other *Verdict) {
	v.Fails, v.Events = v.Fails+other.Fails, v.Events+other.Events
	v.join(other.Span)
}

// Count is a number of something with a name.
type Count struct {
	Name string
	N    uint64
}

func (c *Count) weight() uint64 { return c.N }

func (c *Count) add(other *Count) { c.N += other.N }

// The tables, by what they keep.
type (
	// Peers are the other sides of flows.
	Peers = Table[Peer, *Peer]
	// Places are where traffic goes.
	Places = Table[Place, *Place]
	// Names are names that were asked for.
	Names = Table[Name, *Name]
	// Refusals are what the firewall refused.
	Refusals = Table[Refusal, *Refusal]
	// Findings are alerts.
	Findings = Table[Finding, *Finding]
	// Verdicts are those of `qubesbeat verify`.
	Verdicts = Table[Verdict, *Verdict]
	// Counts are numbers with names.
	Counts = Table[Count, *Count]
)

// type checks
var (
	_ counted[Peer]    = (*Peer)(nil)
	_ counted[Place]   = (*Place)(nil)
	_ counted[Name]    = (*Name)(nil)
	_ counted[Refusal] = (*Refusal)(nil)
	_ counted[Finding] = (*Finding)(nil)
	_ counted[Verdict] = (*Verdict)(nil)
	_ counted[Count]   = (*Count)(nil)
)
