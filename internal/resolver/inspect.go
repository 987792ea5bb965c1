package resolver

import (
	"bytes"
	"net/netip"

	"github.com/qubesbeat/qubesbeat/internal/dnscache"
	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
	"github.com/qubesbeat/qubesbeat/internal/dnspolicy"
)

// inspect looks at what an answer leads to: names behind aliases, targets and
// addresses, hints. It reports whether the client may have it, and notes why not.
// A name that a list allows leads wherever it wants, but not into the qubes'
// own network.
func (s *Resolver) inspect(r *request, msg []byte) bool {
	p := r.client.Policy
	lists := !r.allow && p.Inspects()
	rebinding := p.Rebinding && r.zone == nil && r.entry.Flags&dnscache.Private != 0 && !r.snap.public(r.q.Lower())
	if r.entry.Flags&dnscache.Aliases == 0 && !(lists && r.snap.Table.HasNets()) && !rebinding || !lists && !rebinding {
		return true
	}
	var reader dnsmsg.Reader
	_ = reader.Read(msg) // it was rebuilt by us
	for rr := (dnsmsg.Record{}); reader.Next(&rr) && rr.Section == dnsmsg.Answer; {
		if !s.harmless(r, msg, &rr, lists, rebinding) {
			return false
		}
	}
	return true
}

// harmless looks at one record.
func (s *Resolver) harmless(r *request, msg []byte, rr *dnsmsg.Record, lists, rebinding bool) bool {
	switch rr.Type {
	case dnsmsg.TypeCNAME, dnsmsg.TypeDNAME:
		return !lists || s.mayReach(r, msg[rr.Data:rr.Data+rr.Len], MatchAlias)
	case dnsmsg.TypeA, dnsmsg.TypeAAAA:
		return s.mayUse(r, rr.Address(msg), MatchAddress, lists, rebinding)
	case dnsmsg.TypeSVCB, dnsmsg.TypeHTTPS:
		data := msg[rr.Data : rr.Data+rr.Len]
		if target := dnsmsg.ServiceTarget(data); target != nil && lists && !s.mayReach(r, target, MatchTarget) {
			return false
		}
		ok := true
		dnsmsg.Hints(data, func(a netip.Addr) { ok = ok && s.mayUse(r, a, MatchHint, lists, rebinding) })
		return ok
	}
	return true
}

// mayReach asks the lists about a name that the answer leads to.
func (s *Resolver) mayReach(r *request, name []byte, m Match) bool {
	var buf [dnsmsg.MaxName]byte
	lower := buf[:copy(buf[:], name)]
	dnsmsg.Lower(lower)
	v := r.snap.Target(r.client.Policy, lower)
	if v.Blocked {
		r.out = Outcome{Action: Blocked, From: FromBlocking, Match: m, EDE: dnsmsg.EDEBlocked, List: v.List, Hit: v.Hit,
			Name: bytes.Clone(lower), Upstream: r.out.Upstream, Attempts: r.out.Attempts, Took: r.out.Took}
	}
	return !v.Blocked
}

// mayUse asks about an address.
func (s *Resolver) mayUse(r *request, a netip.Addr, m Match, lists, rebinding bool) bool {
	if rebinding && private(a) {
		r.out = Outcome{Action: Blocked, From: FromRebinding, Match: MatchRebinding, EDE: dnsmsg.EDEBlocked, Addr: a,
			Upstream: r.out.Upstream, Attempts: r.out.Attempts, Took: r.out.Took}
		return false
	}
	var v dnspolicy.Verdict
	if lists {
		v = r.snap.Addr(r.client.Policy, a)
	}
	if v.Blocked {
		r.out = Outcome{Action: Blocked, From: FromBlocking, Match: m, EDE: dnsmsg.EDEBlocked, List: v.List, Hit: v.Hit, Addr: a,
			Upstream: r.out.Upstream, Attempts: r.out.Attempts, Took: r.out.Took}
	}
	return !v.Blocked
}

// public reports whether a name may have private addresses.
func (c *Rules) public(name []byte) bool {
	for ; len(c.Public) > 0 && len(name) > 1; name = dnsmsg.Parent(name) {
		if c.Public[string(name)] {
			return true
		}
	}
	return false
}

// shared is the space of carriers (RFC 6598), where routers live, and others that
// are nobody's public address.
var shared = []netip.Prefix{netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("192.0.0.0/24"), netip.MustParsePrefix("240.0.0.0/4"), netip.MustParsePrefix("fec0::/10"),
	netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("::/96")} // RFC 8215, RFC 4291 section 2.5.5.1

// mapped are the IPv6 prefixes that hold an IPv4 address at their end (RFC 4291,
// RFC 6052).
var nat64Prefix = netip.MustParsePrefix("64:ff9b::/96")

// private reports whether an address belongs to no host of the public network.
func private(a netip.Addr) bool {
	if a = a.Unmap(); nat64Prefix.Contains(a) {
		b := a.As16()
		a = netip.AddrFrom4([4]byte(b[12:]))
	}
	if a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsUnspecified() || a.IsMulticast() {
		return true
	}
	for _, n := range shared {
		if n.Contains(a) {
			return true
		}
	}
	return false
}
