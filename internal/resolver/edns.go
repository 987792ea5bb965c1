package resolver

import (
	"encoding/binary"
	"hash/maphash"

	"github.com/qubesbeat/qubesbeat/internal/dnsevent"
	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
)

// rewrite turns a message of the cache or of an upstream into the answer to this
// client: with its id, its flags and its letters.
func (s *Resolver) rewrite(r *request, msg []byte, secure bool) []byte {
	flags := binary.BigEndian.Uint16(msg[2:])
	r.out.RCode = dnsmsg.RCode(flags & 15)
	flags = flags&^(dnsmsg.FlagAD|dnsmsg.FlagTC|dnsmsg.FlagAA) | r.q.Flags&(dnsmsg.FlagRD|dnsmsg.FlagCD)
	if secure && (r.q.DO || r.q.Flags&dnsmsg.FlagAD != 0) {
		flags |= dnsmsg.FlagAD
	}
	binary.BigEndian.PutUint16(msg, r.q.ID)
	binary.BigEndian.PutUint16(msg[2:], flags)
	copy(msg[dnsmsg.HeaderSize:], r.q.Name)
	return s.appendEDNS(r, msg)
}

// appendEDNS appends an OPT record if the query has one (RFC 6891), and truncates
// an answer that is too large for the client.
func (s *Resolver) appendEDNS(r *request, msg []byte) []byte {
	limit, plain := r.limit(), len(msg)
	if !r.q.EDNS {
		if plain > limit {
			msg = r.truncate(msg)
		}
		return msg
	}
	o := dnsmsg.OPT{Size: maxUDP, RCode: r.out.RCode, DO: r.q.DO, EDE: r.out.EDE}
	if o.EDE != dnsmsg.NoEDE {
		o.Text = r.errorText()
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
		msg = dnsmsg.AppendOPT(r.truncate(msg[:plain]), &o)
	}
	question, answer, authority, _ := dnsmsg.Counts(msg)
	dnsmsg.SetCounts(msg, question, answer, authority, 1)
	return msg
}

// truncate removes all records and sets TC, so that the client asks again over TCP
// (RFC 2181 section 9).
func (r *request) truncate(msg []byte) []byte {
	r.out.Truncated = true
	msg[2] |= byte(dnsmsg.FlagTC >> 8)
	if r.q.Name == nil {
		return msg[:dnsmsg.HeaderSize]
	}
	dnsmsg.SetCounts(msg, 1, 0, 0, 0)
	return msg[:dnsmsg.HeaderSize+len(r.q.Name)+4]
}

// maxText bounds the text of an extended error, in bytes.
const maxText = 64

// errorText returns the text of the extended error.
func (r *request) errorText() string {
	if name := r.out.List; name != "" {
		return name[:min(len(name), maxText)]
	}
	switch r.out.Match {
	case dnsevent.MatchFirewall:
		return "qvm-firewall"
	case dnsevent.MatchRebinding:
		return "private address"
	case dnsevent.MatchAllowOnly:
		return "not on the list of allowed names"
	case dnsevent.MatchCanary:
		return "canary"
	}
	return ""
}

// cookie makes the server cookie: the client's eight bytes, and a hash of those,
// of its address and of a secret of this process (RFC 7873 section 4.2).
func (s *Resolver) cookie(dst *[16]byte, r *request) {
	var in [24]byte
	copy(in[:8], r.q.Cookie)
	a := r.From.Addr().As16()
	copy(in[8:], a[:])
	copy(dst[:8], r.q.Cookie)
	binary.BigEndian.PutUint64(dst[8:], maphash.Bytes(s.secret, in[:]))
}
