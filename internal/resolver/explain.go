package resolver

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/qubesbeat/qubesbeat/internal/dnsevent"
	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
	"github.com/qubesbeat/qubesbeat/internal/dnspolicy"
	"github.com/qubesbeat/qubesbeat/internal/dnsserver"
	"github.com/qubesbeat/qubesbeat/internal/lists"
	"github.com/qubesbeat/qubesbeat/internal/localdata"
)

// explainer collects the steps of one decision.
type explainer struct {
	*dnsevent.Explanation
	res *Resolver
	req *request
}

// Explain answers a query as a qube would get it, and explains every step of the
// decision. qube is a name or an address; "" stands for a client that the
// inventory does not know. The query is neither counted nor logged.
func (s *Resolver) Explain(name, kind, qube string) (*dnsevent.Explanation, error) {
	wire, err := dnsmsg.ParseName(nil, name)
	if err != nil {
		return nil, err
	}
	t, ok := dnsmsg.ParseType(kind)
	if !ok {
		return nil, fmt.Errorf("%q is not a record type", kind)
	}
	r := &request{Arrival: dnsserver.Arrival{At: s.conf.Clock().UnixNano(), TCP: true}, decided: decided{snap: s.live.Load(), peer: new(peer)},
		out: dnsevent.Outcome{EDE: dnsmsg.NoEDE}}
	if err := r.as(qube); err != nil {
		return nil, err
	}
	msg := dnsmsg.AppendQuestion(dnsmsg.AppendHeader(nil, 0, dnsmsg.FlagRD), wire, t, dnsmsg.ClassIN)
	dnsmsg.SetCounts(msg, 1, 0, 0, 0)
	x := &explainer{&dnsevent.Explanation{Name: dnsmsg.Text(wire), Type: t.String()}, s, r}
	result := r.q.Parse(msg)
	x.client()
	x.acl()
	x.name()
	reply, done := s.answer(r, nil, result)
	if !done {
		reply = s.await(r, nil)
	}
	x.outcome()
	x.answers(reply)
	return x.Explanation, nil
}

// as makes the request one of a qube, of an address, or of an unknown client.
func (r *request) as(qube string) error {
	r.From = netip.AddrPortFrom(netip.IPv6Loopback(), 0)
	if a, err := netip.ParseAddr(qube); err == nil {
		r.From = netip.AddrPortFrom(a, 0)
		qube = ""
	}
	r.client = r.snap.Client(r.From.Addr())
	if qube == "" {
		return nil
	}
	if r.client = r.snap.ByName(qube); r.client == nil {
		return fmt.Errorf("the inventory has no qube %q; `qubesbeat inventory show FILE` lists them", qube)
	}
	if a := r.client.Qube.IP; a.IsValid() {
		r.From = netip.AddrPortFrom(a, 0)
	}
	return nil
}

// client explains who asks, and by which policy.
func (x *explainer) client() {
	r := x.req
	who := r.From.Addr().String() + ", a client that the inventory does not know"
	if q := r.client.Qube; q != nil {
		who = fmt.Sprintf("%s (%s, %s), %s", q.Name, q.Label, q.Class, r.From.Addr())
	}
	p := r.client.Policy
	x.Add("client", "%s", who)
	x.Add("policy", "%d of snapshot %d: lists %s; upstreams %s; blocked names get %s", p.ID, r.snap.Version, listNames(p), p.UpstreamGroup, p.Block.Answer)
	if n := len(x.res.BlockingPauses()); n > 0 {
		x.Add("policy", "blocking is off for %d lists or qubes: `qubesbeat dns blocking status`", n)
	}
}

// acl explains what qvm-firewall says.
func (x *explainer) acl() {
	if x.res.conf.ACL == nil {
		x.Add("qvm-firewall", "is not asked")
		return
	}
	why, refused := x.res.conf.ACL.Refuses(x.req.From.Addr(), false)
	if !refused {
		why = "accepts"
	}
	x.Add("qvm-firewall", "%s", why)
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

// name explains what is known of the name without an upstream.
func (x *explainer) name() {
	r := x.req
	name := r.q.Lower()
	if r.snap.Records.Has(name, r.snap.Rewrites) {
		x.Add("records", "answered from the configuration, before any list")
	}
	if z := r.snap.zoneOf(name); z != nil {
		x.Add("zone", "%s has upstreams of its own", dnsmsg.Text(z.Name))
	}
	if localdata.IsSpecial(name) {
		x.Add("special use", "a name of special use")
	}
	v := r.snap.Name(r.client.Policy, name)
	switch {
	case v.Allowed:
		x.Add("lists", "allowed by %s: %s%s", v.List.Name, v.Hit.Rule(name), r.snap.where(&v))
	case v.AllowOnly:
		x.Add("lists", "not on a list of allowed names, and nothing else is allowed")
	case v.Blocked:
		x.Add("lists", "blocked by %s: %s%s", v.List.Name, v.Hit.Rule(name), r.snap.where(&v))
	default:
		x.Add("lists", "no rule matches this name")
	}
}

// where returns the source of the list that has the rule.
func (c *Rules) where(v *dnspolicy.Decision) string {
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

// outcome explains where the answer came from.
func (x *explainer) outcome() {
	o, name := &x.req.out, x.req.q.Lower()
	switch {
	case o.Stale:
		x.Add("cache", "has an expired answer, fetched %d s ago; the upstreams fail", o.Age)
	case o.From == dnsevent.FromCache:
		x.Add("cache", "has an answer, fetched %d s ago, valid for %d s", o.Age, o.Left)
	case o.Attempts > 0 && o.Upstream != nil:
		x.Add("upstream", "%s answered, after %d attempts and %.1f ms", o.Upstream.URL, o.Attempts, float64(o.Took)/1e6)
	case o.Attempts > 0:
		x.Add("upstream", "none answered, after %d attempts and %.1f ms", o.Attempts, float64(o.Took)/1e6)
	}
	if o.Match > dnsevent.MatchName && o.Action == dnsevent.Blocked {
		x.Add("answer", "removed because of the %s %s", strings.ReplaceAll(o.Match.String(), "_", " "), culprit(o, name))
	}
	x.RCode, x.Reason = o.RCode.String(), o.Reason(name)
	if o.EDE != dnsmsg.NoEDE {
		x.Add("answer", "extended error %d: %s", o.EDE, o.EDE)
	}
}

// culprit returns the name or address that was the reason of an outcome.
func culprit(o *dnsevent.Outcome, name []byte) string {
	switch {
	case o.Addr.IsValid():
		return o.Addr.String()
	case o.Name != nil:
		return dnsmsg.Text(o.Name) + " (" + o.Rule(name) + ")"
	}
	return o.Rule(name)
}

// answers adds the records of the answer.
func (x *explainer) answers(reply []byte) {
	var reader dnsmsg.Reader
	if len(reply) < dnsmsg.HeaderSize || reader.Read(reply) != nil {
		return
	}
	for rr := (dnsmsg.Record{}); reader.Next(&rr) && rr.Section == dnsmsg.Answer; {
		owner, _, _ := dnsmsg.AppendName(nil, reply, rr.Name) // it was written by us
		x.Answers = append(x.Answers, fmt.Sprintf("%s %d %s %s", dnsmsg.Text(owner), rr.TTL, rr.Type, rr.DataText(reply)))
	}
}
