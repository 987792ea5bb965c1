package resolver

import (
	"encoding/binary"

	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
)

// Rewrite replaces the end of names: x.From becomes x.To, From itself stays. Both
// are in wire form and lower case.
type Rewrite struct{ From, To []byte }

// rewritten returns the name to look for instead of name, nil where that is name
// itself.
func (c *Rules) rewritten(name []byte) []byte {
	for i := range c.Rewrites {
		w := &c.Rewrites[i]
		if n := len(name) - len(w.From); n > 0 && dnsmsg.Below(name, w.From) && n+len(w.To) <= dnsmsg.MaxName {
			return append(append(make([]byte, 0, n+len(w.To)), name[:n]...), w.To...)
		}
	}
	return nil
}

// splice collects records for a message that is made of several.
type splice struct {
	answers, authority []byte
	counts             [2]int
}

// add adds the records of a message that we have rebuilt. Owners that are from
// become to.
func (p *splice) add(msg, from, to []byte) error {
	var r dnsmsg.Reader
	if err := r.Read(msg); err != nil {
		return err
	}
	for rr := (dnsmsg.Record{}); r.Next(&rr); {
		part := &p.answers
		if rr.Section == dnsmsg.Authority {
			part = &p.authority
		}
		owner, _, err := dnsmsg.AppendName(nil, msg, rr.Name)
		if err != nil {
			return err
		}
		if from != nil && dnsmsg.EqualFold(owner, from) {
			owner = to
		}
		*part = dnsmsg.AppendRecord(*part, owner, rr.Type, rr.Class, rr.TTL, msg[rr.Data:rr.Data+rr.Len])
		p.counts[min(rr.Section, dnsmsg.Authority)]++
	}
	return r.Err()
}

// alias adds an alias of the configuration.
func (p *splice) alias(owner []byte, a *ownRecord) {
	p.answers = dnsmsg.AppendRecord(p.answers, owner, dnsmsg.TypeCNAME, dnsmsg.ClassIN, a.ttl, a.data)
	p.counts[0]++
}

// reply returns the whole as the answer to a question. Nobody has vouched for the
// whole, so that it is not authentic.
func (p *splice) reply(q *dnsmsg.Question, last *dnsmsg.Reply) (*dnsmsg.Reply, error) {
	flags := binary.BigEndian.Uint16(last.Msg[2:]) &^ dnsmsg.FlagAD
	msg := dnsmsg.AppendQuestion(dnsmsg.AppendHeader(nil, 0, flags), q.Name, q.Type, q.Class)
	msg = append(append(msg, p.answers...), p.authority...)
	dnsmsg.SetCounts(msg, 1, p.counts[0], p.counts[1], 0)
	whole := new(dnsmsg.Reply)
	return whole, whole.Rebuild(msg, q, nil)
}
