package dnsmsg

import (
	"bytes"
	"hash/maphash"
)

// member is a record of a set in a message that is being built. The hash makes it
// cheap to search a set of a thousand records for each of them.
type member struct {
	hash       uint64
	kind       Type
	start, end int // in Reply.Msg
}

// putOnce writes one record, unless the set has it already: no two records of a set
// are the same (RFC 2181 section 5). It reports whether it did.
func (p *Reply) putOnce(msg []byte, r *Record, owner []byte, ttl uint32) (isNew bool, err error) {
	size, ttls, answers, target := len(p.Msg), len(p.TTLs), p.answers, p.target
	if err := p.put(msg, r, owner, ttl); err != nil {
		return false, err
	}
	if p.repeated(r.Type, p.data) {
		p.Msg, p.TTLs, p.answers, p.target = p.Msg[:size], p.TTLs[:ttls], answers, target
		return false, nil
	}
	return true, nil
}

// repeated reports whether the bytes from start to the end of Msg are already in the
// set, and adds them if not.
func (p *Reply) repeated(t Type, start int) bool {
	m := p.member(t, start)
	for _, have := range p.set {
		if have.hash == m.hash && have.kind == m.kind && p.sameData(have, m) {
			return true
		}
	}
	p.set = append(p.set, m)
	return false
}

// member describes what is in Msg from start on. In a name, letters of either case
// are the same.
func (p *Reply) member(t Type, start int) member {
	if p.seed == (maphash.Seed{}) {
		p.seed = maphash.MakeSeed()
	}
	data := p.Msg[start:]
	var buf [MaxName]byte
	if isName(t) && len(data) <= len(buf) {
		lower := buf[:copy(buf[:], data)]
		Lower(lower)
		data = lower
	}
	return member{maphash.Bytes(p.seed, data), t, start, len(p.Msg)}
}

// sameData reports whether two records of a type have the same data.
func (p *Reply) sameData(a, b member) bool {
	x, y := p.Msg[a.start:a.end], p.Msg[b.start:b.end]
	return bytes.Equal(x, y) || isName(a.kind) && EqualFold(x, y)
}

// isName reports whether the data of a type is a name and nothing else.
func isName(t Type) bool {
	return t == TypeCNAME || t == TypeDNAME || t == TypePTR || t == TypeNS
}
