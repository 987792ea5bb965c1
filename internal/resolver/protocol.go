package resolver

import (
	"github.com/qubesbeat/qubesbeat/internal/dnsevent"
	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
)

// anyTTL is the TTL of the answer to ANY, in seconds (RFC 8482 section 4.2).
const anyTTL = 3600

// anyData is the HINFO record that stands for all records of a name.
var anyData = []byte("\x07RFC8482\x00")

// checkProtocol answers messages other than queries for records.
func (s *Resolver) checkProtocol(r *request, dst []byte, result dnsmsg.ParseResult) ([]byte, bool) {
	code, ok := protocolCode(r, result)
	switch {
	case !ok:
		r.out.Action, r.out.From, r.out.Match = dnsevent.Refused, dnsevent.FromError, dnsevent.MatchProtocol
		return s.replyCode(r, dst, code), true
	case r.q.Type == dnsmsg.TypeANY:
		r.out.Action, r.out.From, r.out.Match = dnsevent.Local, dnsevent.FromSpecial, dnsevent.MatchProtocol
		dst = dnsmsg.AppendRecord(r.begin(dst, dnsmsg.NoError), nil, dnsmsg.TypeHINFO, dnsmsg.ClassIN, anyTTL, anyData)
		dnsmsg.SetCounts(dst, 1, 1, 0, 0)
		return s.appendEDNS(r, dst), true
	}
	return nil, false
}

// protocolCode returns the code for what must not be asked; ok is true for all
// else.
func protocolCode(r *request, result dnsmsg.ParseResult) (code dnsmsg.RCode, ok bool) {
	switch result {
	case dnsmsg.Malformed:
		return dnsmsg.FormErr, false
	case dnsmsg.NotImplemented:
		return dnsmsg.NotImp, false
	case dnsmsg.WrongVersion:
		return dnsmsg.BadVers, false
	}
	switch t := r.q.Type; {
	case r.q.Class != dnsmsg.ClassIN: // CHAOS would identify the server, and others have no records
		return dnsmsg.Refused, false
	case t == dnsmsg.TypeANY:
		return 0, true
	case t == dnsmsg.TypeOPT:
		return dnsmsg.FormErr, false
	case t == 0 || t >= 128 && t < 255: // IXFR, AXFR and other types of questions only (RFC 6895 section 3.1)
		return dnsmsg.Refused, false
	}
	return 0, true
}
