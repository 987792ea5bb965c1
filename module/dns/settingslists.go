package dns

import (
	"maps"
	"slices"

	"github.com/qubesbeat/qubesbeat/config"
	"github.com/qubesbeat/qubesbeat/internal/dnspolicy"
	"github.com/qubesbeat/qubesbeat/internal/lists"
)

// lists translates the lists: their sources, and what the policy has to know of
// them.
func (p *parser) lists() {
	for _, name := range slices.Sorted(maps.Keys(p.Lists)) {
		l := p.Lists[name]
		if len(l.Deny)+len(l.Allow) == 0 {
			p.problems.Addf("lists."+name, "neither deny nor allow: a list needs one source at least")
		}
		p.hasSchedule("lists."+name+".schedule", l.Schedule)
		p.out.policy.Lists = append(p.out.policy.Lists, p.list(name, &l))
	}
	if n := len(p.out.sources); n > lists.MaxSources {
		p.problems.Addf("lists", "%d sources; at most %d are allowed", n, lists.MaxSources)
	}
	r := &p.Refresh
	p.problems.OneOf("list_refresh.start", r.Start, "fast", "blocking", "fail_on_error")
	p.problems.Within("list_refresh.max_mb", r.MaxMB, 1, 1024)
	if r.Attempts < 1 {
		p.problems.Addf("list_refresh.attempts", "%d is below 1", r.Attempts)
	}
	if r.Timeout.D() <= 0 {
		p.problems.Addf("list_refresh.timeout", "%v is not above 0", r.Timeout.D())
	}
}

// list adds the sources of a list. The position of a source is its number in the
// table of rules.
func (p *parser) list(name string, l *config.ResolverList) dnspolicy.List {
	out := dnspolicy.List{Name: name, Schedule: l.Schedule, AllowOnly: len(l.Deny) == 0}
	for _, text := range l.Deny {
		n := len(p.out.sources)
		out.Deny, out.Except = append(out.Deny, lists.Deny(n)), append(out.Except, lists.Allowed(n))
		p.out.sources = append(p.out.sources, lists.Source{List: name, Location: text})
	}
	for _, text := range l.Allow {
		out.Allow = append(out.Allow, lists.Allowed(len(p.out.sources)))
		p.out.sources = append(p.out.sources, lists.Source{List: name, Allow: true, Location: text})
	}
	return out
}
