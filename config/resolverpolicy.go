package config

import (
	"fmt"
	"math"
	"net/netip"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
	"github.com/qubesbeat/qubesbeat/internal/dnspolicy"
	"github.com/qubesbeat/qubesbeat/internal/resolver"
)

// policy translates rules, schedules and what holds for everybody.
func (b *builder) policy() {
	p := b.out.Policy
	p.AllowOnly, p.Isolate, p.Rebinding, p.FQDNOnly = b.AllowOnly, b.Cache.Isolate, b.Rebinding.Enabled, b.FQDNOnly
	p.Types = b.types("no_types", b.NoTypes)
	if block := b.block("block", &b.Block); block != nil {
		p.Block = *block
	}
	p.Schedules = map[string]*dnspolicy.Schedule{}
	for name, s := range b.Schedules {
		p.Schedules[name] = b.week("schedules."+name, s)
	}
	for i := range b.Policies {
		p.Rules = append(p.Rules, b.rule(i))
	}
	if len(p.Rules) == 0 { // lists that nobody is given would be silence: everybody has them
		all := dnspolicy.Rule{}
		for _, l := range p.Lists {
			all.Lists = append(all.Lists, l.Name)
		}
		p.Rules = append(p.Rules, all)
	}
}

func (b *builder) rule(i int) dnspolicy.Rule {
	s, key := &b.Policies[i], fmt.Sprintf("policies.%d", i)
	r := dnspolicy.Rule{Qubes: s.Qubes, Labels: s.Labels, Classes: s.Classes, Templates: s.Templates, Tags: s.Tags, Lists: s.Lists,
		Upstream: s.Upstream, AllowOnly: s.AllowOnly, Isolate: s.Isolate, Rebinding: s.Rebinding, FQDNOnly: s.FQDNOnly, Schedule: s.Schedule,
		Types: b.types(key+".no_types", s.NoTypes)}
	for _, pattern := range slices.Concat(s.Qubes, s.Templates) {
		if _, err := path.Match(pattern, "x"); err != nil {
			b.bad(key, "%q is not a pattern: %w", pattern, err)
		}
	}
	for _, text := range s.Addresses {
		n, err := netip.ParsePrefix(text)
		if a, e := netip.ParseAddr(text); e == nil {
			n, err = netip.PrefixFrom(a, a.BitLen()), nil
		}
		if err != nil {
			b.bad(key+".addresses", "%q is no address and no network", text)
		}
		r.Addresses = append(r.Addresses, n.Masked())
	}
	for _, name := range s.Lists {
		if _, ok := b.Lists[name]; !ok {
			b.bad(key+".lists", "there is no list %q", name)
		}
	}
	if s.Upstream != "" && !slices.Contains(b.out.Policy.Upstreams, s.Upstream) {
		b.bad(key+".upstream", "there is no group of upstreams %q", s.Upstream)
	}
	b.schedule(key+".schedule", s.Schedule)
	if s.Block != nil {
		r.Block = b.block(key+".block", s.Block)
	}
	return r
}

func (b *builder) types(key string, names []string) (list []dnsmsg.Type) {
	for _, n := range names {
		t, ok := dnsmsg.ParseType(n)
		if !ok {
			b.bad(key, "%q is no type of records; use names such as AAAA, or TYPE123", n)
		}
		list = append(list, t)
	}
	return list
}

var blockAnswers = map[string]dnspolicy.Answer{"zeroip": dnspolicy.ZeroIP, "nxdomain": dnspolicy.NXDomain, "nodata": dnspolicy.NoData,
	"refused": dnspolicy.Refuse, "addresses": dnspolicy.Custom}

func (b *builder) block(key string, s *ResolverBlock) *dnspolicy.Block {
	text := strings.ToLower(s.Answer)
	if text == "" {
		text = b.Block.Answer
	}
	answer, ok := blockAnswers[text]
	if !ok {
		b.bad(key+".answer", "%q is not known; use zeroip, nxdomain, nodata, refused or addresses", s.Answer)
	}
	out := &dnspolicy.Block{Answer: answer, TTL: seconds(s.TTL)}
	if s.TTL == 0 {
		out.TTL = seconds(b.Block.TTL)
	}
	for _, text := range s.Addresses {
		a, err := netip.ParseAddr(text)
		if err != nil {
			b.bad(key+".addresses", "%q is no address", text)
			continue
		}
		out.Addresses = append(out.Addresses, a.Unmap())
	}
	if (answer == dnspolicy.Custom) != (len(out.Addresses) > 0) {
		b.bad(key, "answer: addresses and a list of addresses belong together")
	}
	return out
}

// seconds returns a duration as a TTL.
func seconds(d Duration) uint32 {
	return uint32(min(max(d.D().Seconds(), 0), math.MaxInt32))
}

var weekdays = map[string]time.Weekday{"sun": time.Sunday, "mon": time.Monday, "tue": time.Tuesday, "wed": time.Wednesday,
	"thu": time.Thursday, "fri": time.Friday, "sat": time.Saturday}

func (b *builder) week(key string, s ResolverSchedule) *dnspolicy.Schedule {
	out := &dnspolicy.Schedule{Begin: b.clock(key+".start", s.Start), End: b.clock(key+".end", s.End)}
	for _, text := range s.Weekdays {
		short := strings.ToLower(text)
		day, ok := weekdays[short[:min(3, len(short))]]
		if !ok {
			b.bad(key+".weekdays", "%q is no day of the week", text)
		}
		out.Days = append(out.Days, day)
	}
	return out
}

func (b *builder) clock(key, text string) time.Duration {
	t, err := time.Parse("15:04", text)
	if err != nil && text != "24:00" {
		b.bad(key, "%q is not a time of the day such as 22:30", text)
	}
	if text == "24:00" {
		return 24 * time.Hour
	}
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute
}

// rest translates what is left.
func (b *builder) rest() {
	c, l := &b.Cache, &b.Limits
	if c.SizeMB < 0 || c.SizeMB > 4096 {
		b.bad("cache.size_mb", "%d is not within 0 and 4096", c.SizeMB)
	}
	if c.Stale.D() > time.Hour {
		b.bad("cache.serve_stale", "%v is more than 1h: what is older does more harm than good", c.Stale.D())
	}
	b.out.Cache = resolver.Cache{Size: c.SizeMB << 20, MinTTL: seconds(c.MinTTL), MaxTTL: seconds(c.MaxTTL), MaxNegative: seconds(c.MaxNegative),
		Prefetch: c.Prefetch, Stale: max(0, c.Stale.D())}
	if l.InFlight < 1 || l.QubeInFlight < 1 || l.TCP < 1 || l.QubeTCP < 1 || l.Rate < 0 || l.Burst < 0 || l.InFlight > 65536 {
		b.bad("limits", "want numbers above 0 and in_flight up to 65536; a rate of 0 means no limit")
	}
	b.out.Limits = resolver.Limits{InFlight: l.InFlight, QubeInFlight: l.QubeInFlight, Rate: l.Rate, Burst: l.Burst, TCP: l.TCP, QubeTCP: l.QubeTCP,
		Budget: b.Budget.D()}
	b.out.Special, b.out.PrivateTLDs, b.out.MixCase = b.Special.Enabled, b.Special.AppendixG, b.MixCase
	b.out.Public = map[string]bool{}
	for _, n := range b.Rebinding.Allow {
		b.out.Public[string(b.name("rebinding.allow", strings.TrimPrefix(n, "*.")))] = true
	}
	if !slices.Contains([]string{FailClosed, FailOpen}, b.Fail) {
		b.bad("fail", "%q is not known; use closed or open", b.Fail)
	}
	if !slices.Contains([]string{"auto", "always", "never"}, b.Firewall.Obey) {
		b.bad("qvm_firewall.obey", "%q is not known; use auto, always or never", b.Firewall.Obey)
	}
	if b.Log.Queue < 16 || b.Log.Queue > 1<<20 {
		b.bad("log.queue", "%d is not within 16 and 1048576", b.Log.Queue)
	}
	if co := b.Log.Coalesce.D(); co != 0 && (co < time.Second || co > 10*time.Minute) {
		b.bad("log.coalesce", "%v is not within 1s and 10m, or 0 for off", co)
	}
	if b.TSV.RetentionDays < 0 {
		b.bad("tsv.retention_days", "%d is below 0", b.TSV.RetentionDays)
	}
}
