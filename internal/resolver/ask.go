package resolver

import (
	"context"
	"fmt"

	"github.com/qubesbeat/qubesbeat/internal/upstream"
)

// ask asks the upstreams of the name, and the client's group about the rest if an
// alias leads out of their zone or out of the local records.
func (s *Resolver) ask(ctx context.Context, l *lookup) (upstream.Answer, error) {
	q, group := l.q, l.live.Groups[l.group]
	if n := len(l.aliases); n > 0 {
		q.Name = l.aliases[n-1].Data
	}
	if l.zone != nil {
		group = l.zone.Group
		l.intoZone(&q)
	}
	a, err := group.Ask(ctx, &q)
	if err != nil {
		return a, err
	}
	if a.Outside == nil && len(l.aliases) == 0 && string(q.Name) == string(l.q.Name) {
		return a, nil
	}
	return s.compose(ctx, l, &q, a)
}

// intoZone makes q a question for the upstreams of the zone.
func (l *lookup) intoZone(q *upstream.Query) {
	alias := l.live.Rewrites.Apply(q.Name)
	if len(l.aliases) == 0 && alias != nil && l.live.longestZone(alias) == l.zone {
		q.Name = alias
	}
	if q.Zone = l.zone.Name; len(q.Zone) == 1 {
		q.Zone = q.Name
	}
}

// compose joins the local aliases, the answer a to the question asked, and, if
// that leads out of the zone, the answer of the client's group.
func (s *Resolver) compose(ctx context.Context, l *lookup, asked *upstream.Query, a upstream.Answer) (upstream.Answer, error) {
	var p splice
	owner := l.q.Name
	for i := range l.aliases {
		p.alias(owner, &l.aliases[i])
		owner = l.aliases[i].Data
	}
	from := asked.Name
	if len(l.aliases) > 0 {
		from = nil
	}
	err := p.add(a.Msg, from, l.q.Name)
	last := a.Reply
	if err == nil && a.Outside != nil {
		rest := l.q
		rest.Name = a.Outside
		b, failed := l.live.Groups[l.group].Ask(ctx, &rest)
		if failed != nil {
			return b, failed
		}
		last, err = b.Reply, p.add(b.Msg, nil, nil)
		a.Attempts += b.Attempts
		a.Took += b.Took
	}
	if err == nil {
		a.Reply, err = p.reply(&l.q.Question, last)
	}
	if err != nil {
		return a, fmt.Errorf("composing the answer: %w", err)
	}
	return a, nil
}
