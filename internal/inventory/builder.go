package inventory

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/qubesbeat/qubesbeat/internal/qube"
)

// A builder makes a Snapshot from records and checks the rules that concern more than one qube.
type builder struct {
	cfg      Config
	checks   []check
	qubes    []qube.Qube
	problems problems
	above    []Upstream
	domains  bool // a record says which domain a qube is, or that it is none
	ip6      bool // a record says which IPv6 address a qube has, or that it has none

	names map[string]place
	addrs map[netip.Addr]place
	xids  map[int32]place
	uuids map[string]place
}

// A place is where a value was first seen.
type place struct {
	line       int
	path, name string
}

// String returns the place for an error message.
func (p place) String() string {
	name := p.name
	if name == "" {
		name = "another qube"
	}

	if p.path != "" {
		return fmt.Sprintf("%s (%s, line %d)", name, p.path, p.line)
	}
	return fmt.Sprintf("%s (line %d)", name, p.line)
}

// newBuilder returns an empty builder. cfg must have its defaults.
func newBuilder(cfg Config) *builder {
	return &builder{
		cfg:    cfg,
		checks: checks(),
		names:  make(map[string]place),
		addrs:  make(map[netip.Addr]place),
		xids:   make(map[int32]place),
		uuids:  make(map[string]place),
	}
}

// report records a problem outside of any record.
func (b *builder) report(line int, path string, err error) {
	b.problems.add(Problem{Line: line, Path: path, Text: err.Error()})
}

// tooMany returns the error about too many qubes.
func (b *builder) tooMany() error {
	return fmt.Errorf("more than %d qubes: push fewer of them", b.cfg.MaxQubes)
}

// add checks r and adds its qube. It reports whether there is room for more.
func (b *builder) add(r *record) bool {
	if len(b.qubes) == b.cfg.MaxQubes {
		b.report(r.line, r.path, b.tooMany())
		return false
	}

	var (
		q    qube.Qube
		errs []error
	)
	for _, c := range b.checks {
		if err := c(r, &q); err != nil {
			errs = append(errs, err)
		}
	}

	b.domains = b.domains || r.xid != ""
	b.ip6 = b.ip6 || r.ip6 != ""
	b.reportAll(r, q.Name, append(errs, b.duplicates(r, &q)...))
	b.qubes = append(b.qubes, q)
	return true
}

// reportAll records the problems of one record.
func (b *builder) reportAll(r *record, name string, errs []error) {
	for _, err := range errs {
		b.problems.add(Problem{Line: r.line, Path: r.path, Qube: name, Text: err.Error()})
	}
}

// duplicates claims the values of q that must be unique and returns an error for each that an earlier qube has.
func (b *builder) duplicates(r *record, q *qube.Qube) (errs []error) {
	here := place{line: r.line, path: r.path, name: q.Name}

	if first, taken := claim(b.names, q.Name, q.Name != "", here); taken {
		errs = append(errs, fmt.Errorf("the same name as %v: remove one of them", first))
	}

	for _, addr := range []netip.Addr{q.IP, q.IP6} {
		if first, taken := claim(b.addrs, addr, addr.IsValid(), here); taken {
			errs = append(errs, fmt.Errorf("the same address %v as %v, so the two cannot be told apart: "+
				"set a different ip for one of them in dom0 (qvm-prefs)", addr, first))
		}
	}

	if first, taken := claim(b.xids, q.XID, q.XID >= 0, here); taken {
		errs = append(errs, fmt.Errorf("the same xid %d as %v: generate the inventory again", q.XID, first))
	}

	if first, taken := claim(b.xids, q.StubXID, q.StubXID > 0, here); taken {
		errs = append(errs, fmt.Errorf("the same stubdom_xid %d as %v: generate the inventory again", q.StubXID, first))
	}

	if first, taken := claim(b.uuids, q.UUID, isIdentity(q.UUID), here); taken {
		errs = append(errs, fmt.Errorf("the same uuid %s as %v: generate the inventory again", q.UUID, first))
	}
	return errs
}

// claim records that here has key, unless counts is false. If an earlier place has it, claim returns that and true.
func claim[K comparable](taken map[K]place, key K, counts bool, here place) (first place, isTaken bool) {
	if !counts {
		return place{}, false
	}

	if first, isTaken = taken[key]; !isTaken {
		taken[key] = here
	}
	return first, isTaken
}

// isIdentity reports whether uuid identifies a qube. That of dom0 is all zeros.
func isIdentity(uuid string) bool {
	return strings.Trim(uuid, "0-") != ""
}

// snapshot returns the result, or an error about all problems.
func (b *builder) snapshot() (*Snapshot, error) {
	if err := b.problems.err(); err != nil {
		return nil, fmt.Errorf("parsing inventory: %w", err)
	}
	return &Snapshot{Qubes: b.qubes, Upstream: b.above, Domains: b.domains, IP6: b.ip6}, nil
}
