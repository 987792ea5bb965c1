package resolver

import (
	"net/netip"

	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
	"github.com/qubesbeat/qubesbeat/internal/dnspolicy"
)

// soaName is the primary server in the SOA records of negative answers that are
// made here.
var soaName = []byte("\x09qubesbeat\x07invalid\x00")

// begin appends header and question of an answer, in the client's letters.
func (r *request) begin(dst []byte, rcode dnsmsg.RCode) []byte {
	r.out.RCode = rcode
	flags := dnsmsg.FlagQR | dnsmsg.FlagRA | r.q.Flags&(dnsmsg.FlagRD|dnsmsg.FlagCD) | uint16(r.q.Opcode)<<11 | uint16(rcode&15)
	dst = dnsmsg.AppendHeader(dst, r.q.ID, flags)
	if r.q.Name == nil {
		return dst
	}
	dst = dnsmsg.AppendQuestion(dst, r.q.Name, r.q.Type, r.q.Class)
	dnsmsg.SetCounts(dst, 1, 0, 0, 0)
	return dst
}

// replyCode answers with a code and no records.
func (s *Resolver) replyCode(r *request, dst []byte, rcode dnsmsg.RCode) []byte {
	return s.appendEDNS(r, r.begin(dst, rcode))
}

// replyNegative answers with a code and a SOA record, which limits how long the
// client believes it (RFC 2308).
func (s *Resolver) replyNegative(r *request, dst []byte, rcode dnsmsg.RCode, ttl uint32) []byte {
	dst = r.begin(dst, rcode)
	dst = dnsmsg.AppendSOA(dst, soaName, r.q.Class, ttl)
	dnsmsg.SetCounts(dst, 1, 0, 1, 0)
	return s.appendEDNS(r, dst)
}

// replyBlocked answers as the policy says for blocked names.
func (s *Resolver) replyBlocked(r *request, dst []byte) []byte {
	b := r.client.Policy.Block
	if r.out.EDE == dnsmsg.NoEDE {
		r.out.EDE = dnsmsg.EDEBlocked
	}
	switch b.Answer {
	case dnspolicy.NXDomain:
		return s.replyNegative(r, dst, dnsmsg.NXDomain, b.TTL)
	case dnspolicy.NoData:
		return s.replyNegative(r, dst, dnsmsg.NoError, b.TTL)
	case dnspolicy.Refuse:
		return s.replyCode(r, dst, dnsmsg.Refused)
	}
	switch {
	case r.q.Class != dnsmsg.ClassIN:
		return s.replyNegative(r, dst, dnsmsg.NoError, b.TTL)
	case r.q.Type == dnsmsg.TypeA:
		return s.replyAddresses(r, dst, b.Addresses, b.TTL, netip.IPv4Unspecified())
	case r.q.Type == dnsmsg.TypeAAAA:
		return s.replyAddresses(r, dst, b.Addresses, b.TTL, netip.IPv6Unspecified())
	}
	return s.replyNegative(r, dst, dnsmsg.NoError, b.TTL)
}

// replyAddresses answers a question of type A or AAAA with the addresses in list
// of that family. If there are none, it answers with the address other, or
// negatively if that is invalid.
func (s *Resolver) replyAddresses(r *request, dst []byte, list []netip.Addr, ttl uint32, other netip.Addr) []byte {
	dst = r.begin(dst, dnsmsg.NoError)
	n := 0
	for _, a := range list {
		if a.Is4() == (r.q.Type == dnsmsg.TypeA) {
			dst = appendAddress(dst, r, a, ttl)
			n++
		}
	}
	if n == 0 && other.IsValid() {
		dst = appendAddress(dst, r, other, ttl)
		n++
	}
	dnsmsg.SetCounts(dst, 1, n, 0, 0)
	if n == 0 {
		dst = dnsmsg.AppendSOA(dst, soaName, r.q.Class, ttl)
		dnsmsg.SetCounts(dst, 1, 0, 1, 0)
	}
	return s.appendEDNS(r, dst)
}

func appendAddress(dst []byte, r *request, a netip.Addr, ttl uint32) []byte {
	if a.Is4() {
		b := a.As4()
		return dnsmsg.AppendRecord(dst, nil, r.q.Type, dnsmsg.ClassIN, ttl, b[:])
	}
	b := a.As16()
	return dnsmsg.AppendRecord(dst, nil, r.q.Type, dnsmsg.ClassIN, ttl, b[:])
}
