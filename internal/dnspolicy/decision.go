package dnspolicy

import (
	"net/netip"

	"github.com/qubesbeat/qubesbeat/internal/blocklist"
)

// Decision is what the lists say about a name or an address.
type Decision struct {
	Blocked bool
	// Allowed is set if a list allows it, whatever others say.
	Allowed bool
	List    *List // that decided; nil if none did
	Hit     blocklist.Hit
	// AllowOnly is set if it is blocked because no list allows it.
	AllowOnly bool
}

// Name decides on a name in wire form and lower case. It does not allocate,
// unless a list has regular expressions.
func (s *Snapshot) Name(p *Policy, name []byte) Decision {
	if v := s.allowed(p, name); v.Allowed {
		return v
	}
	if p.AllowOnly {
		return Decision{Blocked: true, AllowOnly: true}
	}
	return s.denied(p, name)
}

// Target decides on a name that an answer leads to: it need not be allowed itself,
// but it must not be on a list.
func (s *Snapshot) Target(p *Policy, name []byte) Decision {
	if v := s.allowed(p, name); v.Allowed {
		return v
	}
	return s.denied(p, name)
}

func (s *Snapshot) allowed(p *Policy, name []byte) Decision {
	if p.allow.Empty() {
		return Decision{}
	}
	h, ok := s.Table.Name(name, &p.allow)
	return Decision{Allowed: ok, List: s.owner[h.Source], Hit: h}
}

func (s *Snapshot) denied(p *Policy, name []byte) Decision {
	if p.deny.Empty() {
		return Decision{}
	}
	h, ok := s.Table.Name(name, &p.deny)
	if !ok {
		return Decision{}
	}
	if l := s.owner[h.Source]; len(l.Except) == 0 || !s.excepted(l, name) {
		return Decision{Blocked: true, List: l, Hit: h}
	}
	return s.deniedByOthers(p, name)
}

// excepted reports whether a list has an exception for a name that it denies.
func (s *Snapshot) excepted(l *List, name []byte) bool {
	var from blocklist.Set
	for _, n := range l.Except {
		from.Add(n)
	}
	_, ok := s.Table.Name(name, &from)
	return ok
}

// deniedByOthers asks one list after the other: the first one that has a rule has
// an exception, too.
func (s *Snapshot) deniedByOthers(p *Policy, name []byte) Decision {
	for _, l := range p.Lists {
		var from blocklist.Set
		for _, n := range l.Deny {
			from.Add(n)
		}
		if h, ok := s.Table.Name(name, &from); ok && !s.excepted(l, name) {
			return Decision{Blocked: true, List: l, Hit: h}
		}
	}
	return Decision{}
}

// Addr decides on an address in an answer.
func (s *Snapshot) Addr(p *Policy, a netip.Addr) Decision {
	if !s.Table.HasNets() {
		return Decision{}
	}
	if h, ok := s.Table.Addr(a, &p.allow); ok {
		return Decision{Allowed: true, List: s.owner[h.Source], Hit: h}
	}
	if h, ok := s.Table.Addr(a, &p.deny); ok {
		return Decision{Blocked: true, List: s.owner[h.Source], Hit: h}
	}
	return Decision{}
}

// Inspects reports whether a policy has anything to say of answers.
func (p *Policy) Inspects() bool { return !p.deny.Empty() || p.Rebinding }
