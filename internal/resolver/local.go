package resolver

import (
	"net/netip"

	"github.com/qubesbeat/qubesbeat/internal/dnsevent"
	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
	"github.com/qubesbeat/qubesbeat/internal/localdata"
)

// localRecords answers from the records of the configuration, before lists are
// looked at. If their aliases lead to a name that is not local, done is false and
// r.dangling is set.
func (s *Resolver) localRecords(r *request, dst []byte) (reply []byte, done bool) {
	if r.snap.Records == nil || r.q.Class != dnsmsg.ClassIN {
		return nil, false
	}
	a, ok, err := r.snap.Records.Lookup(r.q.Lower(), r.q.Type, r.snap.Rewrites)
	switch {
	case err != nil:
		r.out.Action, r.out.From, r.out.Err = dnsevent.Failed, dnsevent.FromError, err.Error()
		return s.replyCode(r, dst, dnsmsg.ServFail), true
	case !ok:
		return nil, false
	case a.Dangling:
		r.dangling = a.Aliases
		return nil, false
	}
	r.out.Action, r.out.From, r.out.EDE = dnsevent.Local, a.Source, dnsmsg.EDEForged
	dst, n, data := a.Append(r.begin(dst, dnsmsg.NoError))
	dnsmsg.SetCounts(dst, 1, n, 0, 0)
	if !data {
		r.out.Negative = true
		dst = dnsmsg.AppendSOA(dst, soaName, r.q.Class, localdata.TTL)
		dnsmsg.SetCounts(dst, 1, n, 1, 0)
	}
	return s.appendEDNS(r, dst), true
}

// special answers for names of special use.
func (s *Resolver) special(r *request, dst []byte) (reply []byte, done bool) {
	if !r.snap.Special {
		return nil, false
	}
	a, ok := localdata.LookupSpecial(r.q.Lower(), r.q.Type, r.snap.PrivateTLDs)
	if !ok {
		return nil, false
	}
	r.out.Action, r.out.From, r.out.Match, r.out.EDE = dnsevent.Local, dnsevent.FromSpecial, dnsevent.MatchSpecial, dnsmsg.EDESynthesized
	if a.Canary {
		r.out.Match = dnsevent.MatchCanary
	}
	if a.Target != nil {
		dst = dnsmsg.AppendRecord(r.begin(dst, dnsmsg.NoError), nil, dnsmsg.TypePTR, dnsmsg.ClassIN, localdata.TTL, a.Target)
		dnsmsg.SetCounts(dst, 1, 1, 0, 0)
		return s.appendEDNS(r, dst), true
	}
	if a.RCode == dnsmsg.NoError && (r.q.Type == dnsmsg.TypeA || r.q.Type == dnsmsg.TypeAAAA) {
		return s.replyAddresses(r, dst, a.Addresses, localdata.TTL, netip.Addr{}), true
	}
	return s.replyNegative(r, dst, a.RCode, localdata.TTL), true
}
