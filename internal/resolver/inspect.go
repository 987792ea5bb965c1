package resolver

import (
	"bytes"
	"net/netip"

	"github.com/qubesbeat/qubesbeat/internal/addrscope"
	"github.com/qubesbeat/qubesbeat/internal/dnscache"
	"github.com/qubesbeat/qubesbeat/internal/dnsevent"
	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
)

// checks are the checks that an answer needs.
type checks struct{ lists, rebinding bool }

// inspect checks what an answer leads to: names behind aliases, targets and
// addresses, hints. It reports whether the client may have the answer, and sets
// the outcome if not. A name that a list allows may lead anywhere but into private
// networks.
func (s *Resolver) inspect(r *request, msg []byte) bool {
	c := r.checks()
	if c == (checks{}) {
		return true
	}
	var reader dnsmsg.Reader
	_ = reader.Read(msg) // it was rebuilt by us
	for rr := (dnsmsg.Record{}); reader.Next(&rr) && rr.Section == dnsmsg.Answer; {
		if !r.checkRecord(msg, &rr, c) {
			return false
		}
	}
	return true
}

// checks returns the checks that can find something in the answer.
func (r *request) checks() (c checks) {
	p := r.client.Policy
	if p.Rebinding && r.zone == nil && r.entry.Flags&dnscache.Private != 0 {
		c.rebinding = !r.snap.public(r.q.Lower())
	}
	if !r.allowed && p.Inspects() {
		c.lists = c.rebinding || r.entry.Flags&dnscache.Aliases != 0 || r.snap.Table.HasNets()
	}
	return c
}

func (r *request) checkRecord(msg []byte, rr *dnsmsg.Record, c checks) bool {
	switch data := msg[rr.Data : rr.Data+rr.Len]; rr.Type {
	case dnsmsg.TypeCNAME, dnsmsg.TypeDNAME:
		return r.checkTarget(data, dnsevent.MatchAlias, c)
	case dnsmsg.TypeA, dnsmsg.TypeAAAA:
		return r.checkAddr(rr.Address(msg), dnsevent.MatchAddress, c)
	case dnsmsg.TypeSVCB, dnsmsg.TypeHTTPS:
		if target := dnsmsg.ServiceTarget(data); target != nil && !r.checkTarget(target, dnsevent.MatchTarget, c) {
			return false
		}
		ok := true
		dnsmsg.Hints(data, func(a netip.Addr) { ok = ok && r.checkAddr(a, dnsevent.MatchHint, c) })
		return ok
	}
	return true
}

// checkTarget checks a name that the answer leads to.
func (r *request) checkTarget(name []byte, m dnsevent.Match, c checks) bool {
	if !c.lists {
		return true
	}
	var buf [dnsmsg.MaxName]byte
	lower := buf[:copy(buf[:], name)]
	dnsmsg.Lower(lower)
	v := r.snap.Target(r.client.Policy, lower)
	if v.Blocked {
		r.block(m, &v)
		r.out.Name = bytes.Clone(lower)
	}
	return !v.Blocked
}

// checkAddr checks an address in the answer.
func (r *request) checkAddr(a netip.Addr, m dnsevent.Match, c checks) bool {
	if c.rebinding && addrscope.Private(a) {
		r.out = dnsevent.Outcome{Action: dnsevent.Blocked, From: dnsevent.FromRebinding, Match: dnsevent.MatchRebinding, EDE: dnsmsg.EDEBlocked,
			Addr: a, Upstream: r.out.Upstream, Attempts: r.out.Attempts, Took: r.out.Took}
		return false
	}
	if !c.lists {
		return true
	}
	v := r.snap.Addr(r.client.Policy, a)
	if v.Blocked {
		r.block(m, &v)
		r.out.Addr = a
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
