package resolver

import (
	"encoding/binary"

	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
	"github.com/qubesbeat/qubesbeat/internal/localdata"
)

// splice collects records of several messages for one. The zero value is empty.
type splice struct {
	answers, authority []byte
	counts             [2]int // of records in both
}

// add adds the records of a message in the form of [dnsmsg.Reply]. Those of the
// owner from, if it is not nil, become those of to.
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

// alias adds a local alias.
func (p *splice) alias(owner []byte, a *localdata.Record) {
	p.answers = dnsmsg.AppendRecord(p.answers, owner, dnsmsg.TypeCNAME, dnsmsg.ClassIN, a.TTL, a.Data)
	p.counts[0]++
}

// reply returns the records as the answer to a question, with the flags of last.
// It is not authentic: AD was set for the parts, not for the whole.
func (p *splice) reply(q *dnsmsg.Question, last *dnsmsg.Reply) (*dnsmsg.Reply, error) {
	flags := binary.BigEndian.Uint16(last.Msg[2:]) &^ dnsmsg.FlagAD
	msg := dnsmsg.AppendQuestion(dnsmsg.AppendHeader(nil, 0, flags), q.Name, q.Type, q.Class)
	msg = append(append(msg, p.answers...), p.authority...)
	dnsmsg.SetCounts(msg, 1, p.counts[0], p.counts[1], 0)
	whole := new(dnsmsg.Reply)
	return whole, whole.Rebuild(msg, q, nil)
}
