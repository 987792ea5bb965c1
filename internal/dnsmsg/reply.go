package dnsmsg

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
)

// Question is what an upstream was asked.
type Question struct {
	Name  []byte // in wire form and lower case
	Type  Type
	Class Class
	DO    bool // the client wants the records of DNSSEC
}

// MaxChain is the largest number of aliases that an answer may lead through.
const MaxChain = 16

// maxRecords bounds the records of an answer, because all of them are searched for
// each alias.
const maxRecords = 1024

// Errors of [Reply.Rebuild].
var (
	ErrLoop    = errors.New("dnsmsg: aliases form a loop")
	ErrChain   = errors.New("dnsmsg: too many aliases")
	ErrRecords = errors.New("dnsmsg: too many records")
)

// Matches reports whether msg is a response to the query sent: it has the same id
// and, byte for byte, the same question (RFC 5452 section 9.1). A message that does
// not match is not a bad response but possibly a forged one, and is to be ignored.
func Matches(msg, sent []byte) bool {
	if len(msg) < HeaderSize || len(sent) < HeaderSize || !bytes.Equal(msg[:2], sent[:2]) {
		return false
	}
	if f := binary.BigEndian.Uint16(msg[2:]); f&FlagQR == 0 || f>>11&15 != 0 {
		return false
	}
	end, err := SkipName(sent, HeaderSize)
	if err != nil || end+4 > len(sent) {
		return false
	}
	end += 4
	return binary.BigEndian.Uint16(msg[4:]) == 1 && len(msg) >= end &&
		bytes.Equal(msg[HeaderSize:end], sent[HeaderSize:end])
}

// Bare reports whether msg is an error response to sent that does not repeat the
// question, as some servers send with FORMERR, NOTIMP or SERVFAIL.
func Bare(msg, sent []byte) bool {
	if len(msg) < HeaderSize || !bytes.Equal(msg[:2], sent[:2]) {
		return false
	}
	f := binary.BigEndian.Uint16(msg[2:])
	rcode := RCode(f & 15)
	return f&FlagQR != 0 && f>>11&15 == 0 && binary.BigEndian.Uint16(msg[4:]) == 0 &&
		rcode != NoError && rcode != NXDomain
}

// Reply is the rebuilt response of an upstream. It has only the records that
// answer the question, in the order of the chain of aliases, and their names are
// not compressed except for owners. The zero value is ready for use, and each
// Rebuild reuses its memory. It is not safe for concurrent use.
type Reply struct {
	// Msg is the message: id 0; flags QR, RA and, if the upstream set it, AD; the
	// question; the answers; and the authority section of a negative answer. It
	// has no OPT record.
	Msg   []byte
	TTLs  []uint16 // offsets of the TTLs in Msg
	RCode RCode
	// TTL is how many seconds the message may be cached: the lowest TTL of the
	// records, or that of RFC 2308 for a negative answer; 0 if it has none.
	TTL      uint32
	Negative bool // there is no record of the type asked for
	AD       bool // the upstream has validated the answer (RFC 4035 section 3.2.3)
	Aliases  int  // length of the chain
	// Outside is the name outside of the zone at which the chain was cut, in
	// lower case, nil if it was not cut.
	Outside []byte

	records []Record // of the answer and the authority section
	answers int      // records written to the answer section
	set     []member // of the set that is being written
	seed    maphash.Seed
	chain   [MaxChain + 1][]byte
	names   [MaxChain + 1][MaxName]byte // memory of chain
	where   int                         // offset of the current owner in Msg, -1 if it has not been written
	target  int                         // offset of the data of the last alias
	data    int                         // offset of the data of the last record
}

// Rebuild reads msg, the response to q, into p. If zone is not nil, the server was
// asked as an authority for that zone only, and what it says of other names is
// left out. msg must match; see [Matches].
func (p *Reply) Rebuild(msg []byte, q *Question, zone []byte) error {
	p.Msg, p.TTLs, p.records = p.Msg[:0], p.TTLs[:0], p.records[:0]
	p.RCode, p.TTL, p.Negative, p.AD, p.Aliases, p.Outside, p.answers = 0, maxTTL, false, false, 0, nil, 0
	if err := p.read(msg); err != nil {
		return err
	}
	flags := FlagQR | FlagRA
	if p.AD {
		flags |= FlagAD
	}
	p.Msg = AppendQuestion(AppendHeader(p.Msg, 0, flags|uint16(p.RCode&15)), q.Name, q.Type, q.Class)
	if err := p.follow(msg, q, zone); err != nil {
		return err
	}
	authority, err := p.proof(msg, q)
	if err != nil {
		return err
	}
	if len(p.Msg) > 65535 {
		return ErrRecords
	}
	SetCounts(p.Msg, 1, p.answers, authority, 0)
	return nil
}

// maxTTL is the longest TTL of an answer in seconds, a week: longer ones are
// usually mistakes (RFC 8767 section 4).
const maxTTL = 7 * 24 * 3600

// read collects the records of the answer and the authority section. A message
// that ends early is rejected as a whole.
func (p *Reply) read(msg []byte) error {
	flags := binary.BigEndian.Uint16(msg[2:])
	p.RCode, p.AD = RCode(flags&15), flags&FlagAD != 0
	var r Reader
	if err := r.Read(msg); err != nil {
		return err
	}
	for rr := (Record{}); r.Next(&rr); {
		switch {
		case rr.Type == TypeOPT && rr.Section == Additional:
			p.RCode |= RCode(rr.TTL>>24) << 4
		case rr.Section != Additional:
			if p.records = append(p.records, rr); len(p.records) > maxRecords {
				return ErrRecords
			}
		}
	}
	if err := r.Err(); err != nil {
		return fmt.Errorf("reading record at byte %d: %w", r.Offset(), err)
	}
	return nil
}

// follow writes the chain of aliases and the records at its end.
func (p *Reply) follow(msg []byte, q *Question, zone []byte) error {
	name := q.Name
	p.where = HeaderSize
	for {
		if zone != nil && !Below(name, zone) {
			p.Outside = append([]byte(nil), name...)
			return nil
		}
		n, err := p.putSet(msg, name, q.Type, q, Answer)
		if err != nil || n > 0 {
			return err
		}
		next, err := p.alias(msg, name, q)
		if err != nil {
			return err
		}
		if next == nil {
			p.Negative = true
			p.chain[p.Aliases] = name
			return nil
		}
		name = next
	}
}

// alias writes the CNAME of name and returns its target, nil if there is none.
func (p *Reply) alias(msg, name []byte, q *Question) ([]byte, error) {
	i := p.find(msg, name, TypeCNAME, q.Class)
	if i < 0 || q.Type == TypeCNAME {
		return nil, nil
	}
	if p.Aliases >= MaxChain {
		return nil, ErrChain
	}
	if err := p.dname(msg, name, q); err != nil {
		return nil, err
	}
	p.chain[p.Aliases] = name
	target, next, err := AppendName(p.names[p.Aliases][:0], msg, p.records[i].Data)
	if err != nil || next != p.records[i].Data+p.records[i].Len {
		return nil, ErrMalformed
	}
	Lower(target)
	p.Aliases++
	for _, seen := range p.chain[:p.Aliases] {
		if bytes.Equal(seen, target) {
			return nil, ErrLoop
		}
	}
	if n, err := p.putSet(msg, name, TypeCNAME, q, Answer); err != nil || n != 1 {
		return nil, cmp.Or(err, ErrMalformed) // RFC 2181 section 10.1: a name has one CNAME
	}
	p.where = p.target
	return target, nil
}

// dname writes the DNAME above name, if any, from which its CNAME was synthesized
// (RFC 6672 section 3.1).
func (p *Reply) dname(msg, name []byte, q *Question) error {
	var buf [MaxName]byte
	for i := range p.records {
		r := &p.records[i]
		if r.Type != TypeDNAME || r.Section != Answer || r.Class != q.Class {
			continue
		}
		owner, _, err := AppendName(buf[:0], msg, r.Name)
		if err != nil {
			return err
		}
		if Lower(owner); len(owner) < len(name) && Below(name, owner) {
			p.where = -1
			_, err := p.putSet(msg, owner, TypeDNAME, q, Answer)
			return err
		}
	}
	return nil
}

// find returns the index of the first record of the answer with this owner, type
// and class, -1 if there is none.
func (p *Reply) find(msg, name []byte, t Type, c Class) int {
	for i := range p.records {
		if r := &p.records[i]; r.Section == Answer && r.Type == t && r.Class == c && nameAt(msg, r.Name, name) {
			return i
		}
	}
	return -1
}

// putSet writes the records of a name and a type, with their signatures if the
// client wants them. It returns their number, without the signatures.
func (p *Reply) putSet(msg, name []byte, t Type, q *Question, s Section) (n int, err error) {
	ttl := uint32(maxTTL) // RFC 2181 section 5.2: the lowest applies to all
	for i := range p.records {
		if p.wanted(msg, &p.records[i], name, t, q, s) && p.records[i].Type == t {
			ttl = min(ttl, p.records[i].TTL)
			n++
		}
	}
	if n == 0 {
		return 0, nil
	}
	p.set = p.set[:0]
	for i := range p.records {
		r := &p.records[i]
		if !p.wanted(msg, r, name, t, q, s) {
			continue
		}
		isNew, err := p.putOnce(msg, r, name, ttl)
		if err != nil {
			return 0, err
		}
		if !isNew && r.Type == t {
			n--
		}
	}
	return n, nil
}

// wanted reports whether a record belongs to a set that putSet writes.
func (p *Reply) wanted(msg []byte, r *Record, name []byte, t Type, q *Question, s Section) bool {
	if r.Section != s || r.Class != q.Class {
		return false
	}
	covers := q.DO && r.Type == TypeRRSIG && r.Len > 18 && Type(binary.BigEndian.Uint16(msg[r.Data:])) == t
	return (r.Type == t || covers) && nameAt(msg, r.Name, name)
}

// put writes one record. Its owner is compressed if the name is in Msg already.
func (p *Reply) put(msg []byte, r *Record, owner []byte, ttl uint32) error {
	if p.where >= HeaderSize && p.where < 0x3FFF {
		p.Msg = append(p.Msg, 0xC0|byte(p.where>>8), byte(p.where))
	} else {
		p.Msg = append(p.Msg, owner...)
	}
	p.Msg = binary.BigEndian.AppendUint16(p.Msg, uint16(r.Type))
	p.Msg = binary.BigEndian.AppendUint16(p.Msg, uint16(r.Class))
	p.TTLs = append(p.TTLs, uint16(min(len(p.Msg), 65535)))
	p.Msg = binary.BigEndian.AppendUint32(p.Msg, ttl)
	p.TTL = min(p.TTL, ttl)
	start := len(p.Msg)
	p.data = start + 2
	if p.Msg = append(p.Msg, 0, 0); r.Type == TypeCNAME {
		p.target = len(p.Msg)
	}
	var err error
	if p.Msg, err = appendData(p.Msg, msg, r); err != nil {
		return err
	}
	n := len(p.Msg) - start - 2
	if n > 65535 {
		return ErrMalformed
	}
	binary.BigEndian.PutUint16(p.Msg[start:], uint16(n))
	if r.Section == Answer {
		p.answers++
	}
	return nil
}
