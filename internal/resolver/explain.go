package resolver

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
	"github.com/qubesbeat/qubesbeat/internal/dnspolicy"
	"github.com/qubesbeat/qubesbeat/internal/lists"
)

// Explanation tells how a query is decided.
type Explanation struct {
	Name, Type string
	Steps      []Step
	RCode      string
	Answers    []string
	Reason     string
}

// Step is one step on the way to an answer and what it says.
type Step struct{ Step, Says string }

func (x *Explanation) add(step, format string, args ...any) {
	x.Steps = append(x.Steps, Step{step, fmt.Sprintf(format, args...)})
}

// Explain asks as a qube would and tells of every step of the decision. qube may
// be empty, for a client that nobody knows, or an address. The query takes no
// part in the counters and the log.
func (s *Resolver) Explain(name, kind, qube string) (*Explanation, error) {
	wire, err := dnsmsg.ParseName(nil, name)
	if err != nil {
		return nil, err
	}
	t, ok := dnsmsg.ParseType(kind)
	if !ok {
		return nil, fmt.Errorf("%q is no type of records", kind)
	}
	r := &request{at: s.clock(), snap: s.live.Load(), peer: new(peer), out: Outcome{EDE: dnsmsg.NoEDE}, tcp: true}
	if err := r.as(qube); err != nil {
		return nil, err
	}
	msg := dnsmsg.AppendQuestion(dnsmsg.AppendHeader(nil, 0, dnsmsg.FlagRD), wire, t, dnsmsg.ClassIN)
	dnsmsg.SetCounts(msg, 1, 0, 0, 0)
	x := &Explanation{Name: dnsmsg.Text(wire), Type: t.String()}
	verdict := r.q.Parse(msg)
	s.explainClient(x, r)
	s.explainName(x, r)
	reply, done := s.protocol(r, nil, verdict)
	if !done {
		if reply, done = s.firewall(r, nil); !done {
			if reply, done = s.policy(r, nil); !done {
				reply = s.await(r, nil)
			}
		}
	}
	s.explainOutcome(x, r, reply)
	return x, nil
}

// as makes the request one of a qube, of an address, or of nobody.
func (r *request) as(qube string) error {
	r.from = netip.AddrPortFrom(netip.IPv6Loopback(), 0)
	if a, err := netip.ParseAddr(qube); err == nil {
		r.from = netip.AddrPortFrom(a, 0)
		qube = ""
	}
	r.client = r.snap.Client(r.from.Addr())
	if qube == "" {
		return nil
	}
	if r.client = r.snap.ByName(qube); r.client == nil {
		return fmt.Errorf("the inventory has no qube %q; `qubesbeat inventory show FILE` lists them", qube)
	}
	if a := r.client.Qube.IP; a.IsValid() {
		r.from = netip.AddrPortFrom(a, 0)
	}
	return nil
}

func (s *Resolver) explainClient(x *Explanation, r *request) {
	who := r.from.Addr().String() + ", a client that the inventory does not know"
	if q := r.client.Qube; q != nil {
		who = fmt.Sprintf("%s (%s, %s), %s", q.Name, q.Label, q.Class, r.from.Addr())
	}
	p := r.client.Policy
	x.add("client", "%s", who)
	x.add("policy", "%d of snapshot %d: lists %s; upstreams %s; blocked names get %s", p.ID, r.snap.Version, listNames(p), p.View, p.Block.Answer)
	if pauses := s.Pauses(); len(pauses) > 0 {
		x.add("policy", "blocking is off for %d lists or qubes: `qubesbeat dns blocking status`", len(pauses))
	}
	switch {
	case s.conf.Gate == nil:
		x.add("qvm-firewall", "is not asked")
	default:
		why, refused := s.conf.Gate.Refuses(r.from.Addr(), false)
		if !refused {
			why = "accepts"
		}
		x.add("qvm-firewall", "%s", why)
	}
}

func listNames(p *dnspolicy.Policy) string {
	var names []string
	for _, l := range p.Lists {
		names = append(names, l.Name)
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// explainName tells what is known of the name before anybody is asked.
func (s *Resolver) explainName(x *Explanation, r *request) {
	name := r.q.Lower()
	if r.snap.Records != nil && r.snap.ownName(name) != nil {
		x.add("records", "the configuration answers for this name, before any list")
	}
	if z := r.snap.zoneOf(name); z != nil {
		x.add("zone", "%s has upstreams of its own", dnsmsg.Text(z.Name))
	}
	if specialOf(name) != ordinary {
		x.add("special use", "a name of special use")
	}
	v := r.snap.Name(r.client.Policy, name)
	switch {
	case v.Allowed:
		x.add("lists", "allowed by %s: %s%s", v.List.Name, v.Hit.Rule(name), r.snap.where(&v))
	case v.AllowOnly:
		x.add("lists", "not on a list of allowed names, and nothing else is allowed")
	case v.Blocked:
		x.add("lists", "blocked by %s: %s%s", v.List.Name, v.Hit.Rule(name), r.snap.where(&v))
	default:
		x.add("lists", "no rule is for this name")
	}
}

// where tells which source of a list has the rule.
func (c *Rules) where(v *dnspolicy.Verdict) string {
	if c.Lists == nil {
		return ""
	}
	for i, st := range c.Lists.Status() {
		if v.Hit.Source == lists.Deny(i) || v.Hit.Source == lists.Allowed(i) {
			return ", from " + st.Name()
		}
	}
	return ""
}

func (s *Resolver) explainOutcome(x *Explanation, r *request, reply []byte) {
	o := &r.out
	switch {
	case o.Stale:
		x.add("cache", "has an answer past its time, fetched %d s ago; the upstreams fail", o.Age)
	case o.From == FromCache:
		x.add("cache", "has an answer, fetched %d s ago, good for %d s", o.Age, o.Left)
	case o.Attempts > 0:
		who := "nobody"
		if o.Upstream != nil {
			who = o.Upstream.String()
		}
		x.add("upstream", "%s has answered, after %d attempts and %.1f ms", who, o.Attempts, float64(o.Took)/1e6)
	}
	if o.Match > MatchName && o.Action == Blocked {
		x.add("answer", "taken away because of the %s %s", strings.ReplaceAll(o.Match.String(), "_", " "), o.what(r.q.Lower()))
	}
	x.RCode, x.Reason = o.RCode.String(), o.Reason(r.q.Lower())
	if o.EDE != dnsmsg.NoEDE {
		x.add("told", "extended error %d: %s", o.EDE, o.EDE)
	}
	var reader dnsmsg.Reader
	if len(reply) < dnsmsg.HeaderSize || reader.Read(reply) != nil {
		return
	}
	for rr := (dnsmsg.Record{}); reader.Next(&rr) && rr.Section == dnsmsg.Answer; {
		owner, _, _ := dnsmsg.AppendName(nil, reply, rr.Name) // it was written by us
		x.Answers = append(x.Answers, fmt.Sprintf("%s %d %s %s", dnsmsg.Text(owner), rr.TTL, rr.Type, rr.DataText(reply)))
	}
}

// what is the name or address that was the reason.
func (o *Outcome) what(name []byte) string {
	switch {
	case o.Addr.IsValid():
		return o.Addr.String()
	case o.Name != nil:
		return dnsmsg.Text(o.Name) + " (" + o.Rule(name) + ")"
	}
	return o.Rule(name)
}

// CacheFlush forgets all answers.
func (s *Resolver) CacheFlush() {
	if s.cache != nil {
		s.cache.Flush()
	}
}

// ListStatus tells how the sources of the lists are.
func (s *Resolver) ListStatus() []lists.Status {
	c := s.live.Load()
	if c.Lists == nil {
		return nil
	}
	return c.Lists.Status()
}
