package resolver

import (
	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
)

// recordTTL is how long it holds that one of our names has no such record.
const recordTTL = 3600

// records answers from the configuration, before anything is blocked. An alias
// that leads out of it needs an upstream; then ok is false and outside is the
// name that is to be asked for.
func (s *Resolver) records(r *request, dst []byte) (msg []byte, ok bool) {
	if r.snap.Records == nil || r.q.Class != dnsmsg.ClassIN {
		return nil, false
	}
	n := r.snap.ownName(r.q.Lower())
	if n == nil || n.open && !n.has(r.q.Type) && n.alias() < 0 {
		return nil, false
	}
	aliases, last, err := r.snap.Records.chain(n, r.q.Type)
	if err != nil {
		r.out.Action, r.out.From, r.out.Err = Failed, FromError, err.Error()
		return s.bare(r, dst, dnsmsg.ServFail), true
	}
	if last == nil {
		return nil, false // miss.go follows it
	}
	r.out.Action, r.out.From, r.out.EDE = Local, n.source, dnsmsg.EDEForged
	return s.own(r, dst, aliases, last), true
}

// ownName returns what the configuration knows of a name, or of the one that it is
// rewritten to.
func (c *Rules) ownName(name []byte) *ownName {
	if alias := c.rewritten(name); alias != nil {
		if n := c.Records.find(alias); n != nil {
			return n
		}
	}
	return c.Records.find(name)
}

// own writes the aliases and what they end in.
func (s *Resolver) own(r *request, dst []byte, aliases []ownRecord, last *ownName) []byte {
	dst = r.head(dst, dnsmsg.NoError)
	dst, owner := appendAliases(dst, aliases)
	n := len(aliases)
	for i := range last.records {
		if rec := &last.records[i]; rec.kind == r.q.Type {
			dst = dnsmsg.AppendRecord(dst, owner, rec.kind, dnsmsg.ClassIN, rec.ttl, rec.data)
			n++
		}
	}
	if n == len(aliases) {
		r.out.Negative = true
		dst = dnsmsg.AppendSOA(dst, blockedBy, r.q.Class, recordTTL)
		dnsmsg.SetCounts(dst, 1, n, 1, 0)
	} else {
		dnsmsg.SetCounts(dst, 1, n, 0, 0)
	}
	return s.finish(r, dst)
}

// appendAliases writes a chain and returns the name that it ends in, nil for
// that of the question.
func appendAliases(dst []byte, aliases []ownRecord) (out, owner []byte) {
	for i := range aliases {
		dst = dnsmsg.AppendRecord(dst, owner, dnsmsg.TypeCNAME, dnsmsg.ClassIN, aliases[i].ttl, aliases[i].data)
		owner = aliases[i].target
	}
	return dst, owner
}

// leaving returns the aliases of ours that lead out of the configuration.
func (r *request) leaving() (aliases []ownRecord) {
	if r.snap.Records == nil || r.q.Class != dnsmsg.ClassIN {
		return nil
	}
	n := r.snap.ownName(r.q.Lower())
	if n == nil {
		return nil
	}
	aliases, last, err := r.snap.Records.chain(n, r.q.Type)
	if err != nil || last != nil {
		return nil
	}
	return aliases
}
