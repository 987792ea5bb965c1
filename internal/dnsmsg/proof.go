package dnsmsg

import "encoding/binary"

// proof writes the authority section of a negative answer: the SOA of a zone that
// contains the name (RFC 2308 section 2) and, for clients that want them, the
// records of DNSSEC. It returns the number of records.
func (p *Reply) proof(msg []byte, q *Question) (n int, err error) {
	if p.Outside != nil {
		return 0, nil
	}
	var zone [MaxName]byte
	var apex []byte
	p.set = p.set[:0]
	for i := range p.records {
		r := &p.records[i]
		if r.Section != Authority || r.Class != q.Class {
			continue
		}
		owner, _, err := AppendName(zone[:0], msg, r.Name)
		if err != nil {
			return 0, err
		}
		Lower(owner)
		if !p.proves(r, owner, apex, q) {
			continue
		}
		if r.Type == TypeSOA {
			apex = append([]byte(nil), owner...)
		}
		before := len(p.Msg)
		p.where = -1
		if err := p.put(msg, r, owner, r.TTL); err != nil {
			return 0, err
		}
		if p.repeated(r.Type, before) {
			p.Msg, p.TTLs = p.Msg[:before], p.TTLs[:len(p.TTLs)-1]
			continue
		}
		if r.Type == TypeSOA {
			p.negativeTTL(before)
		}
		n++
	}
	if p.Negative && apex == nil {
		p.TTL = 0 // without SOA it must not be cached (RFC 2308 section 5)
	}
	return n, nil
}

// proves reports whether a record of the authority section is useful to a
// forwarder's client. apex is the owner of the SOA already written, nil for none.
func (p *Reply) proves(r *Record, owner, apex []byte, q *Question) bool {
	switch r.Type {
	case TypeSOA:
		return p.Negative && apex == nil && Below(p.last(q), owner)
	case TypeNSEC, TypeNSEC3, TypeRRSIG:
		return q.DO
	}
	return false
}

// last returns the name at which the chain of aliases ends.
func (p *Reply) last(q *Question) []byte {
	if p.Aliases == 0 {
		return q.Name
	}
	return p.chain[p.Aliases]
}

// negativeTTL sets the TTL of a negative answer from the SOA that was just written
// at offset at: the lower of its TTL and its minimum (RFC 2308 section 5).
func (p *Reply) negativeTTL(at int) {
	if end := len(p.Msg); end-at > soaData+10 {
		least := min(p.TTL, binary.BigEndian.Uint32(p.Msg[end-4:]))
		p.TTL = least
		binary.BigEndian.PutUint32(p.Msg[p.TTLs[len(p.TTLs)-1]:], least)
	}
}
