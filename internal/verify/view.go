package verify

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/qube"
)

// View is all that commands show, in words and addresses, as JSON has it.
type View struct {
	At       time.Time  `json:"at"`
	Since    time.Time  `json:"since"`   // of the first packet
	Packets  uint64     `json:"packets"` // of all qubes
	Lost     uint64     `json:"lost"`
	Vifs     int        `json:"vifs"`
	Rules    bool       `json:"rules"` // those of nft have been read
	Firewall int        `json:"firewall"`
	Verdicts []Line     `json:"verdicts"`
	Qubes    []QubeView `json:"qubes"`
	External []External `json:"external,omitempty"` // by qube; also of qubes that are not attached here
}

// Line is a verdict.
type Line struct {
	Check     string    `json:"check"`
	Name      string    `json:"name"`
	Subject   string    `json:"subject"`
	Vif       string    `json:"vif,omitempty"`
	Verdict   string    `json:"verdict"`
	Why       string    `json:"why,omitempty"`
	Method    string    `json:"method,omitempty"`
	Contained bool      `json:"contained,omitempty"`
	Stale     bool      `json:"stale,omitempty"`
	Text      string    `json:"text"`
	Since     time.Time `json:"since,omitzero"`
	Last      time.Time `json:"last,omitzero"`
	Until     time.Time `json:"valid_until,omitzero"`
	Packets   uint64    `json:"packets"`
	Against   uint64    `json:"against"`
	Sample    *Flow     `json:"sample,omitempty"`
}

// Flow is where a packet went.
type Flow struct {
	At          time.Time      `json:"at"`
	Source      netip.AddrPort `json:"source"`
	Destination netip.AddrPort `json:"destination"`
	Protocol    uint8          `json:"protocol"`
	Length      uint32         `json:"length"`
	Name        string         `json:"name,omitempty"`
}

// QubeView is a qube that is attached here, and where its packets go.
type QubeView struct {
	Name      string    `json:"name"`
	Label     string    `json:"label,omitempty"`
	Vif       string    `json:"vif,omitempty"`
	IP        string    `json:"ip,omitempty"`
	NetVM     string    `json:"netvm,omitempty"`
	Provides  bool      `json:"provides_network,omitempty"`
	Exit      string    `json:"exit,omitempty"`
	Source    string    `json:"source,omitempty"`
	Endpoints []string  `json:"endpoints,omitempty"`
	Protocol  string    `json:"protocol,omitempty"`
	Tunnel    string    `json:"tunnel,omitempty"`
	Last      string    `json:"last,omitempty"` // destination of the last packet
	LastAt    time.Time `json:"last_at,omitzero"`
	Peers     int       `json:"peers"` // destinations, as far as they are remembered
	Packets   uint64    `json:"packets"`
	Looks     *Looks    `json:"looks,omitempty"` // if nothing is expected
}

// View returns what commands show, as of the last packet.
func (v *Verifier) View() *View {
	w := &View{At: stamp(v.now - v.shift), Packets: v.Stats().Packets, Lost: v.stats.Lost, Rules: v.env.Ruleset != nil, External: v.external()}
	if v.env.Ruleset != nil {
		w.Firewall = len(v.env.Ruleset.Chains)
	}
	for _, r := range v.Results() {
		w.Verdicts = append(w.Verdicts, lineOf(&r))
	}
	for _, s := range v.all() {
		if s == v.self || s.gone {
			continue
		}
		if _, isVif := qube.VifDomain(s.name); isVif {
			w.Vifs++
		}
		if at := stamp(s.begun); w.Since.IsZero() || at.Before(w.Since) {
			w.Since = at
		}
		w.Qubes = append(w.Qubes, v.qubeView(s))
	}
	slices.SortFunc(w.Qubes, func(a, b QubeView) int { return strings.Compare(a.Name, b.Name) })
	return w
}

func lineOf(r *Result) Line {
	l := Line{Check: r.Check.String(), Name: r.Check.Name(), Subject: r.Subject, Vif: r.Interface, Verdict: r.Verdict.String(), Why: r.Reason.String(),
		Method: r.Method.String(), Contained: r.Contained, Stale: r.Stale, Text: r.Text, Since: stamp(r.Since), Until: stamp(r.ValidUntil),
		Last: stamp(max(r.Evidence.Last, r.Evidence.LastAgainst)), Packets: r.Evidence.Packets, Against: r.Evidence.Against}
	if x := r.Sample; x != nil && r.Verdict == Fail {
		l.Sample = &Flow{At: stamp(x.Time), Source: x.Source(), Destination: x.Destination(), Protocol: x.Proto, Length: x.Length, Name: x.Name}
	}
	return l
}

func (v *Verifier) qubeView(s *subject) QubeView {
	q := QubeView{Name: s.label(), Vif: s.name, Packets: s.packets(), Peers: s.memo.peers(v.epoch), Looks: s.learned.looks()}
	if s.qube != nil {
		q.Label, q.NetVM, q.Provides = s.qube.Label, s.qube.NetVM, s.qube.ProvidesNetwork
		if s.qube.IP.IsValid() {
			q.IP = s.qube.IP.String()
		}
	}
	if x := s.expect; x != nil {
		q.Exit, q.Source = x.Exit.String(), x.Source
		for _, e := range x.Endpoints {
			q.Endpoints = append(q.Endpoints, e.String())
		}
	}
	if s.exit() == ExitVPN {
		q.Tunnel, q.Protocol = s.clock.State.String(), cmp.Or(s.clock.Protocol, s.expect.Protocol).String()
	}
	if s.to.family != 0 {
		q.Last = s.to.String()
		q.LastAt = stamp(s.last - v.shift)
	}
	return q
}

// String returns the destination: 203.0.113.9:51820/udp.
func (d *destination) String() string {
	e := Endpoint{Addr: d.addr.Netip(d.family), Port: d.port, Proto: d.proto}
	if d.proto == packet.ProtoICMP || d.proto == packet.ProtoICMPv6 {
		return e.Addr.String() + " (icmp)"
	}
	return e.String()
}

// peers returns the number of different destinations among those remembered.
func (m *memo) peers(epoch uint32) int {
	seen := map[packet.Addr]bool{}
	for i := range m.entries {
		if e := &m.entries[i]; e.epoch == epoch && !e.outbound && e.class != classNoise {
			seen[e.dst] = true
		}
	}
	return len(seen)
}

// stamp returns nanoseconds since the Unix epoch as a time, the zero time for 0.
func stamp(at int64) time.Time {
	if at == 0 {
		return time.Time{}
	}
	return time.Unix(0, at).UTC()
}
