package dns

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/qubesbeat/qubesbeat/internal/qubesdb"
)

// openACL decides whether the rules of qvm-firewall are obeyed, and logs it if they
// are not: a resolver that answers a qube which the firewall would stop is a hole in
// the firewall.
func (s *Service) openACL() error {
	f, log := &s.conf.conf.Firewall, s.deps.Logger
	const warning = "qvm-firewall's rules are not obeyed: a qube that may not use DNS gets answers"
	if f.Obey == "never" {
		log.Warn(warning, "reason", "resolver.qvm_firewall.obey is never")
		return nil
	}
	if _, err := os.Stat(f.Socket); err != nil && f.Obey == "auto" {
		log.Warn(warning, "reason", "there is no QubesDB at "+f.Socket)
		return nil
	}
	s.acl = qubesdb.NewFirewall(f.Socket, log, s.deps.Guard.Part("resolver/qubesdb"))
	if err := s.acl.Load(); err != nil {
		log.Warn("qvm-firewall's rules could not be read; until they are, every query is refused", "error", err.Error())
	}
	return nil
}

// defaultUpstreams returns the DNS servers that Qubes gave this qube, or else those of
// the system.
func defaultUpstreams(socket string) (list []string) {
	if list = qubesdb.Values(socket, "/qubes-primary-dns", "/qubes-secondary-dns"); len(list) > 0 {
		return list
	}
	text, err := os.ReadFile("/etc/resolv.conf")
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "nameserver" && !strings.Contains(f[1], "%") {
			list = append(list, f[1])
		}
	}
	return list
}

// warnLists logs lists that no policy uses and sources that cannot be read.
func (s *Service) warnLists(set *Settings) {
	for _, name := range set.conf.UnusedLists() {
		s.deps.Logger.Warn("no policy uses this list", "list", name)
	}
	for _, st := range s.resolver.ListStatus() {
		if st.Err != "" {
			s.deps.Logger.Warn("a list has faults", "list", st.List, "source", st.Name(), "error", st.Err)
		} else if fault := st.FirstFault(); fault != "" {
			s.deps.Logger.Warn("a list has invalid lines, which block nothing", "list", st.List, "source", st.Name(), "lines", st.Wrong, "first", fault)
		}
	}
}

// fetchLists fetches the lists before any client is served, if the configuration
// wants to wait for them. It gives up without an error when ctx ends.
func (s *Service) fetchLists(ctx context.Context) error {
	start := s.conf.conf.Refresh.Start
	if start == "fast" {
		return nil
	}
	err := s.resolver.RefreshLists(ctx, false)
	if err == nil || ctx.Err() != nil {
		return nil
	}
	if start == "fail_on_error" {
		return fmt.Errorf("resolver.list_refresh.start is fail_on_error: %w", err)
	}
	s.deps.Logger.Warn("not all lists could be fetched", "error", err.Error())
	return nil
}
