package finding

import (
	"net/netip"
	"path"
	"slices"

	"github.com/qubesbeat/qubesbeat/config"
	"github.com/qubesbeat/qubesbeat/internal/behaviour"
	"github.com/qubesbeat/qubesbeat/internal/detect"
)

// allowed are findings that the configuration expects.
type allowed struct {
	entry    config.DetectAllow
	networks []netip.Prefix
}

// newAllowed reads the entries of the configuration, which have been checked.
func newAllowed(entries []config.DetectAllow) (list []allowed) {
	for _, e := range entries {
		a := allowed{entry: e}
		for _, text := range e.Networks {
			if n, err := config.ParseNetwork(text); err == nil {
				a.networks = append(a.networks, n)
			}
		}
		list = append(list, a)
	}
	return list
}

// matches reports whether all conditions of the entry hold.
func (a *allowed) matches(f *behaviour.Finding, c *detect.Current) bool {
	e := &a.entry
	label := ""
	if c != nil && c.Parties.Qube != nil {
		label = c.Parties.Qube.Label
	}
	holds := func(n int, is bool) bool { return n == 0 || is }
	return holds(len(e.Qubes), slices.ContainsFunc(e.Qubes, func(p string) bool { return a.isQube(p, f, c) })) &&
		holds(len(e.Labels), slices.Contains(e.Labels, label)) &&
		holds(len(e.Rules), slices.Contains(e.Rules, f.Rule.String()) || slices.Contains(e.Rules, "*")) &&
		holds(len(e.Domains), slices.Contains(e.Domains, f.Domain)) &&
		holds(len(e.Ports), slices.Contains(e.Ports, f.Port)) &&
		holds(len(e.Networks), slices.ContainsFunc(a.networks, func(n netip.Prefix) bool { return n.Contains(f.Addr) }))
}

// isQube reports whether a pattern fits the qube of a finding, or its subject.
func (a *allowed) isQube(pattern string, f *behaviour.Finding, c *detect.Current) bool {
	if ok, _ := path.Match(pattern, f.Subject); ok {
		return true
	}
	if c == nil || c.Parties.Qube == nil {
		return false
	}
	ok, _ := path.Match(pattern, c.Parties.Qube.Name)
	return ok
}
