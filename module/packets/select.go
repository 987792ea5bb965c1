package packets

import (
	"path"
	"slices"

	"github.com/qubesbeat/qubesbeat/config"
	"github.com/qubesbeat/qubesbeat/internal/qube"
)

// anonymous are excluded unless the settings say otherwise: a history of what an
// anonymous qube did on this machine is what it is to be anonymous against.
var anonymous = []config.Selector{{Tags: []string{"anon-vm", "anon-gateway"}}}

// selects reports whether one condition of the selector holds. A qube that is not known
// is selected by none.
func selects(s *config.Selector, q *qube.Qube) bool {
	if q == nil {
		return false
	}
	return matches(s.Qubes, q.Name) || slices.Contains(s.Labels, q.Label) || slices.Contains(s.Classes, q.Class) ||
		slices.ContainsFunc(s.Tags, func(tag string) bool { return slices.Contains(q.Tags, tag) })
}

// matches reports whether a name has one of the patterns.
func matches(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		ok, err := path.Match(p, name)
		return ok && err == nil
	})
}

// anySelects returns the first of the selectors that selects the qube, nil if none does.
func anySelects(list []config.Selector, q *qube.Qube) *config.Selector {
	for i := range list {
		if selects(&list[i], q) {
			return &list[i]
		}
	}
	return nil
}

// excluded reports whether no packet of a qube may be stored, which is nil if it is not
// known.
func excluded(c *config.Packets, q *qube.Qube) bool {
	out := c.Exclude
	if out == nil {
		out = anonymous
	}
	return anySelects(out, q) != nil || len(c.Include) > 0 && anySelects(c.Include, q) == nil
}

// whyExcluded returns why no packet of a qube is stored: tag anon-vm; "" if they are.
func whyExcluded(c *config.Packets, q *qube.Qube) string {
	out := c.Exclude
	if out == nil {
		out = anonymous
	}
	s := anySelects(out, q)
	switch {
	case s == nil && len(c.Include) > 0 && anySelects(c.Include, q) == nil:
		return "not in include"
	case s == nil:
		return ""
	case matches(s.Qubes, q.Name):
		return "name"
	case slices.Contains(s.Labels, q.Label):
		return "label " + q.Label
	case slices.Contains(s.Classes, q.Class):
		return "class " + q.Class
	}
	for _, tag := range s.Tags {
		if slices.Contains(q.Tags, tag) {
			return "tag " + tag
		}
	}
	return ""
}

// quotaOf returns the first quota for a qube, nil if there is none. One without conditions
// is for all, also for those that are not known.
func quotaOf(c *config.Packets, q *qube.Qube) *config.PacketQuota {
	for i := range c.Quotas {
		if s := c.Quotas[i].Selector(); s.Empty() || selects(&s, q) {
			return &c.Quotas[i]
		}
	}
	return nil
}

// QuotaByName returns the quota of a qube of which nothing but the name is known, in bytes;
// 0 if there is none.
func QuotaByName(c *config.Packets, name string) int64 {
	if r := quotaOf(c, &qube.Qube{Name: name}); r != nil {
		return int64(r.Quota)
	}
	return 0
}
