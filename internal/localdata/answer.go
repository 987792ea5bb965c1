package localdata

import (
	"errors"

	"github.com/qubesbeat/qubesbeat/internal/dnsevent"
	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
)

// TTL is how long, in seconds, a client may cache negative answers for local names
// and answers for special-use names. Both change only with the configuration.
const TTL = 3600

// Answer is what the records say about a question.
type Answer struct {
	// Aliases is the chain of CNAME records that begins at the question.
	Aliases []Record
	// Dangling reports whether the last alias leads to a name that is not local: it
	// has to be resolved.
	Dangling bool
	// Source is where the records come from.
	Source dnsevent.Source

	last *name
	kind dnsmsg.Type
}

// ErrLoop is an alias that leads back to itself.
var ErrLoop = errors.New("the aliases of the configuration form a loop")

// Lookup returns the answer to a question of class IN. ok is false if the records
// know nothing of the name, or of this type of an open name. With an error, which
// wraps [ErrLoop], ok is true.
func (z *Records) Lookup(text []byte, kind dnsmsg.Type, rewrites Rewrites) (a Answer, ok bool, err error) {
	n := z.lookup(text, rewrites)
	if n == nil || n.open && !n.has(kind) && n.alias() < 0 {
		return Answer{}, false, nil
	}
	a = Answer{Source: n.source, kind: kind}
	a.Aliases, a.last, err = z.chain(n, kind)
	a.Dangling = a.last == nil && err == nil
	return a, true, err
}

// lookup returns what the records know of the name that text is rewritten to, or of
// text itself; nil for nothing. z may be nil.
func (z *Records) lookup(text []byte, rewrites Rewrites) *name {
	if z == nil {
		return nil
	}
	if alias := rewrites.Apply(text); alias != nil {
		if n := z.find(alias); n != nil {
			return n
		}
	}
	return z.find(text)
}

// Has reports whether the records know a name, possibly after a rewrite. z may be
// nil.
func (z *Records) Has(text []byte, rewrites Rewrites) bool { return z.lookup(text, rewrites) != nil }

// Append writes the aliases and the records that they lead to, owned by the name
// of the question, which stands behind the header of the message dst. records is
// the number of both, and data reports whether there is more than aliases.
func (a *Answer) Append(dst []byte) (out []byte, records int, data bool) {
	var owner []byte // nil points to the question
	for i := range a.Aliases {
		dst = dnsmsg.AppendRecord(dst, owner, dnsmsg.TypeCNAME, dnsmsg.ClassIN, a.Aliases[i].TTL, a.Aliases[i].Data)
		owner = a.Aliases[i].Data
	}
	records = len(a.Aliases)
	for i := range a.last.records {
		if r := &a.last.records[i]; r.Type == a.kind {
			dst = dnsmsg.AppendRecord(dst, owner, r.Type, dnsmsg.ClassIN, r.TTL, r.Data)
			records++
			data = true
		}
	}
	return dst, records, data
}
