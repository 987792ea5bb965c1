package dns

import (
	"net/netip"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/qubesbeat/qubesbeat/config"
	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
	"github.com/qubesbeat/qubesbeat/internal/dnspolicy"
)

// policy translates rules, schedules and what applies to every qube.
func (p *parser) policy() {
	out := &p.out.policy
	for _, g := range p.out.groups {
		out.Upstreams = append(out.Upstreams, g.name)
	}
	out.AllowOnly, out.Isolate, out.Rebinding, out.FQDNOnly = p.AllowOnly, p.Cache.Isolate, p.Rebinding.Enabled, p.FQDNOnly
	out.Types = p.types("no_types", p.NoTypes)
	out.Block = *p.block("block", &p.Block)
	out.Schedules = map[string]*dnspolicy.Schedule{}
	for name, s := range p.Schedules {
		out.Schedules[name] = p.schedule("schedules."+name, s)
	}
	for i := range p.Policies {
		out.Rules = append(out.Rules, p.rule(i))
	}
	if len(out.Rules) == 0 { // lists without a policy apply to every qube: that is why they were written down
		all := dnspolicy.Rule{}
		for _, l := range out.Lists {
			all.Lists = append(all.Lists, l.Name)
		}
		out.Rules = append(out.Rules, all)
	}
}

func (p *parser) rule(i int) dnspolicy.Rule {
	s, key := &p.Policies[i], item("policies", i)
	r := dnspolicy.Rule{
		Qubes: s.Qubes, Labels: s.Labels, Classes: s.Classes, Templates: s.Templates, Tags: s.Tags,
		Addresses: p.networks(key+".addresses", s.Addresses),
		Lists:     s.Lists, Upstream: s.Upstream, Schedule: s.Schedule,
		AllowOnly: s.AllowOnly, Isolate: s.Isolate, Rebinding: s.Rebinding, FQDNOnly: s.FQDNOnly,
		Types: p.types(key+".no_types", s.NoTypes),
	}
	for _, pattern := range slices.Concat(s.Qubes, s.Templates) {
		if _, err := path.Match(pattern, "x"); err != nil {
			p.problems.Addf(key, "%q is not a pattern: %w", pattern, err)
		}
	}
	p.hasLists(key+".lists", s.Lists)
	p.hasGroup(key+".upstream", s.Upstream)
	p.hasSchedule(key+".schedule", s.Schedule)
	if s.Block != nil {
		r.Block = p.block(key+".block", s.Block)
	}
	return r
}

// networks translates addresses and networks; an address is a network of one.
func (p *parser) networks(key string, texts []string) (list []netip.Prefix) {
	for _, text := range texts {
		n, err := netip.ParsePrefix(text)
		if a, e := netip.ParseAddr(text); e == nil {
			n, err = netip.PrefixFrom(a, a.BitLen()), nil
		}
		if err != nil {
			p.problems.Addf(key, "%q is neither an address nor a network", text)
			continue
		}
		list = append(list, n.Masked())
	}
	return list
}

func (p *parser) types(key string, names []string) (list []dnsmsg.Type) {
	for _, n := range names {
		t, ok := dnsmsg.ParseType(n)
		if !ok {
			p.problems.Addf(key, "%q is not a record type; use names such as AAAA, or TYPE123", n)
			continue
		}
		list = append(list, t)
	}
	return list
}

// answers are the ways to answer a blocked name.
var answers = map[string]dnspolicy.Answer{
	"zeroip": dnspolicy.ZeroIP, "nxdomain": dnspolicy.NXDomain, "nodata": dnspolicy.NoData,
	"refused": dnspolicy.Refuse, "addresses": dnspolicy.Custom,
}

// block translates how blocked names are answered. What s leaves out is taken
// from resolver.block.
func (p *parser) block(key string, s *config.ResolverBlock) *dnspolicy.Block {
	text := strings.ToLower(s.Answer)
	if text == "" {
		text = p.Block.Answer
	}
	answer, ok := answers[text]
	if !ok {
		p.problems.Addf(key+".answer", "%q is not known; use zeroip, nxdomain, nodata, refused or addresses", s.Answer)
	}
	out := &dnspolicy.Block{Answer: answer, TTL: seconds(s.TTL)}
	if s.TTL == 0 {
		out.TTL = seconds(p.Block.TTL)
	}
	for _, text := range s.Addresses {
		a, err := netip.ParseAddr(text)
		if err != nil {
			p.problems.Addf(key+".addresses", "%q is not an address", text)
			continue
		}
		if a = a.Unmap(); !slices.Contains(out.Addresses, a) { // an answer has no record twice
			out.Addresses = append(out.Addresses, a)
		}
	}
	if (answer == dnspolicy.Custom) != (len(out.Addresses) > 0) {
		p.problems.Addf(key, "set both answer: addresses and a list of addresses, or neither")
	}
	return out
}

// weekdays are the days of the week by the first three letters of their names.
var weekdays = map[string]time.Weekday{
	"sun": time.Sunday, "mon": time.Monday, "tue": time.Tuesday, "wed": time.Wednesday,
	"thu": time.Thursday, "fri": time.Friday, "sat": time.Saturday,
}

func (p *parser) schedule(key string, s config.ResolverSchedule) *dnspolicy.Schedule {
	out := &dnspolicy.Schedule{Begin: p.clock(key+".start", s.Start), End: p.clock(key+".end", s.End)}
	for _, text := range s.Weekdays {
		short := strings.ToLower(text)
		day, ok := weekdays[short[:min(3, len(short))]]
		if !ok {
			p.problems.Addf(key+".weekdays", "%q is not a day of the week", text)
			continue
		}
		out.Days = append(out.Days, day)
	}
	return out
}

// clock returns a time of day since midnight. The end of the day is 24:00.
func (p *parser) clock(key, text string) time.Duration {
	if text == "24:00" {
		return 24 * time.Hour
	}
	t, err := time.Parse("15:04", text)
	if err != nil {
		p.problems.Addf(key, "%q is not a time of day such as 22:30", text)
	}
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute
}
