package resolver

import (
	"encoding/binary"
	"hash/maphash"
	"net/netip"

	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
	"github.com/qubesbeat/qubesbeat/internal/dnspolicy"
)

// blockedBy stands in the SOA records of our own negative answers.
var blockedBy = []byte("\x09qubesbeat\x07invalid\x00")

// head begins an answer to a query: header and question, in the client's case.
func (r *request) head(dst []byte, rcode dnsmsg.RCode) []byte {
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

// bare answers with a code and nothing else.
func (s *Resolver) bare(r *request, dst []byte, rcode dnsmsg.RCode) []byte {
	return s.finish(r, r.head(dst, rcode))
}

// negative answers that there is nothing, with a SOA that says for how long.
func (s *Resolver) negative(r *request, dst []byte, rcode dnsmsg.RCode, ttl uint32) []byte {
	dst = r.head(dst, rcode)
	dst = dnsmsg.AppendSOA(dst, blockedBy, r.q.Class, ttl)
	dnsmsg.SetCounts(dst, 1, 0, 1, 0)
	return s.finish(r, dst)
}

var zero4, zero6 = netip.IPv4Unspecified(), netip.IPv6Unspecified()

// block answers as the policy says that blocked names are answered.
func (s *Resolver) block(r *request, dst []byte) []byte {
	b := r.client.Policy.Block
	if r.out.EDE == dnsmsg.NoEDE {
		r.out.EDE = dnsmsg.EDEBlocked
	}
	switch b.Answer {
	case dnspolicy.NXDomain:
		return s.negative(r, dst, dnsmsg.NXDomain, b.TTL)
	case dnspolicy.NoData:
		return s.negative(r, dst, dnsmsg.NoError, b.TTL)
	case dnspolicy.Refuse:
		return s.bare(r, dst, dnsmsg.Refused)
	}
	if r.q.Type != dnsmsg.TypeA && r.q.Type != dnsmsg.TypeAAAA || r.q.Class != dnsmsg.ClassIN {
		return s.negative(r, dst, dnsmsg.NoError, b.TTL)
	}
	return s.addresses(r, dst, b.Addresses, b.TTL, true)
}

// addresses answers with those of the list that are of the type of the question.
// Without any, the zero address stands in, or nothing where zero is not wanted.
func (s *Resolver) addresses(r *request, dst []byte, list []netip.Addr, ttl uint32, zero bool) []byte {
	dst = r.head(dst, dnsmsg.NoError)
	n := 0
	for _, a := range list {
		if a.Is4() == (r.q.Type == dnsmsg.TypeA) {
			dst = appendAddress(dst, r, a, ttl)
			n++
		}
	}
	if n == 0 && zero {
		a := zero4
		if r.q.Type == dnsmsg.TypeAAAA {
			a = zero6
		}
		dst = appendAddress(dst, r, a, ttl)
		n++
	}
	if n == 0 {
		dst = dnsmsg.AppendSOA(dst, blockedBy, r.q.Class, ttl)
		dnsmsg.SetCounts(dst, 1, 0, 1, 0)
	} else {
		dnsmsg.SetCounts(dst, 1, n, 0, 0)
	}
	return s.finish(r, dst)
}

func appendAddress(dst []byte, r *request, a netip.Addr, ttl uint32) []byte {
	if a.Is4() {
		b := a.As4()
		return dnsmsg.AppendRecord(dst, nil, r.q.Type, dnsmsg.ClassIN, ttl, b[:])
	}
	b := a.As16()
	return dnsmsg.AppendRecord(dst, nil, r.q.Type, dnsmsg.ClassIN, ttl, b[:])
}

// adopt makes an answer to this client of a message that was kept or fetched:
// its id, its flags, the case of its question.
func (s *Resolver) adopt(r *request, msg []byte, secure bool) []byte {
	flags := binary.BigEndian.Uint16(msg[2:])
	r.out.RCode = dnsmsg.RCode(flags & 15)
	flags = flags&^(dnsmsg.FlagAD|dnsmsg.FlagTC|dnsmsg.FlagAA) | r.q.Flags&(dnsmsg.FlagRD|dnsmsg.FlagCD)
	if secure && (r.q.DO || r.q.Flags&dnsmsg.FlagAD != 0) {
		flags |= dnsmsg.FlagAD
	}
	binary.BigEndian.PutUint16(msg, r.q.ID)
	binary.BigEndian.PutUint16(msg[2:], flags)
	copy(msg[dnsmsg.HeaderSize:], r.q.Name)
	return s.finish(r, msg)
}

// finish adds EDNS where the client speaks it, and cuts what is too large.
func (s *Resolver) finish(r *request, msg []byte) []byte {
	limit, plain := r.limit(), len(msg)
	if !r.q.EDNS {
		if plain > limit {
			msg = r.cut(msg)
		}
		return msg
	}
	o := dnsmsg.OPT{Size: maxUDP, RCode: r.out.RCode, DO: r.q.DO, EDE: r.out.EDE}
	if o.EDE != dnsmsg.NoEDE {
		o.Text = r.text()
	}
	var cookie [16]byte
	if len(r.q.Cookie) >= 8 {
		s.cookie(&cookie, r)
		o.Cookie = cookie[:]
	}
	if msg = dnsmsg.AppendOPT(msg, &o); len(msg) > limit {
		o.EDE = dnsmsg.NoEDE
		msg = dnsmsg.AppendOPT(msg[:plain], &o)
	}
	if len(msg) > limit {
		msg = dnsmsg.AppendOPT(r.cut(msg[:plain]), &o)
	}
	question, answer, authority, _ := dnsmsg.Counts(msg)
	dnsmsg.SetCounts(msg, question, answer, authority, 1)
	return msg
}

// cut leaves the question and tells the client to come over TCP (RFC 2181
// section 9).
func (r *request) cut(msg []byte) []byte {
	r.out.Truncated = true
	msg[2] |= byte(dnsmsg.FlagTC >> 8)
	if r.q.Name == nil {
		return msg[:dnsmsg.HeaderSize]
	}
	dnsmsg.SetCounts(msg, 1, 0, 0, 0)
	return msg[:dnsmsg.HeaderSize+len(r.q.Name)+4]
}

// text is the extra text of an extended error.
func (r *request) text() string {
	if r.out.List != nil {
		return r.out.List.Name[:min(len(r.out.List.Name), 64)]
	}
	switch r.out.Match {
	case MatchFirewall:
		return "qvm-firewall"
	case MatchRebinding:
		return "private address"
	case MatchAllowOnly:
		return "not on the list of allowed names"
	case MatchCanary:
		return "canary"
	}
	return ""
}

// cookie makes the cookie that the client is to show next time: its own eight
// bytes and a hash of those and its address with a secret of this process (RFC
// 7873 section 4.2).
func (s *Resolver) cookie(dst *[16]byte, r *request) {
	var in [24]byte
	copy(in[:8], r.q.Cookie)
	a := r.from.Addr().As16()
	copy(in[8:], a[:])
	copy(dst[:8], r.q.Cookie)
	binary.BigEndian.PutUint64(dst[8:], maphash.Bytes(s.secret, in[:]))
}
