package dnsmsg

import "encoding/binary"

// HeaderSize is the size of the header of a message.
const HeaderSize = 12

// Query is the query of a client. Its slices point into the message that was
// parsed. The zero value is ready to parse into, and may be used again and
// again; it is not safe for concurrent use.
type Query struct {
	ID     uint16
	Flags  uint16
	Opcode uint8
	// Name is the name of the question as the client wrote it, with its case,
	// which the answer repeats. It is nil where there is no question to repeat.
	Name  []byte
	Type  Type
	Class Class

	EDNS    bool
	UDPSize uint16 // what the client can take: 512 without EDNS and never less
	Version uint8
	DO      bool
	Cookie  []byte // option 10 (RFC 7873), nil without
	ECS     bool   // the client sent its network (RFC 7871)

	lower [MaxName]byte
}

// Lower returns the name of the question in lower case. It is valid until the
// next Parse.
func (q *Query) Lower() []byte { return q.lower[:len(q.Name)] }

// Verdict says what a server owes to a message.
type Verdict uint8

// The verdicts.
const (
	Good           Verdict = iota
	Ignore                 // no answer: too short to be a query, or an answer itself
	Malformed              // FORMERR
	NotImplemented         // NOTIMP: an operation other than QUERY
	WrongVersion           // BADVERS: an EDNS version other than 0
)

// Parse reads a query. Whatever the verdict, ID, Flags and Opcode are set unless
// it is Ignore; the question is where it could be read.
func (q *Query) Parse(msg []byte) Verdict {
	*q = Query{lower: q.lower, UDPSize: 512}
	if len(msg) < HeaderSize {
		return Ignore
	}
	q.ID, q.Flags = binary.BigEndian.Uint16(msg), binary.BigEndian.Uint16(msg[2:])
	if q.Flags&FlagQR != 0 {
		return Ignore
	}
	if q.Opcode = uint8(q.Flags >> 11 & 15); q.Opcode != 0 {
		return NotImplemented
	}
	if binary.BigEndian.Uint16(msg[4:]) != 1 { // RFC 9619
		return Malformed
	}
	off, ok := q.question(msg)
	if !ok {
		return Malformed
	}
	return q.rest(msg, off)
}

// question reads the question. A pointer in it could lead into the header only.
func (q *Query) question(msg []byte) (off int, ok bool) {
	for off = HeaderSize; off < len(msg) && msg[off] != 0; off += 1 + int(msg[off]) {
		if msg[off]&0xC0 != 0 || off-HeaderSize > MaxName {
			return 0, false
		}
	}
	end := off + 1
	if end-HeaderSize > MaxName || end+4 > len(msg) {
		return 0, false
	}
	q.Name = msg[HeaderSize:end]
	q.Type, q.Class = Type(binary.BigEndian.Uint16(msg[end:])), Class(binary.BigEndian.Uint16(msg[end+2:]))
	copy(q.lower[:], q.Name)
	Lower(q.lower[:len(q.Name)])
	return end + 4, true
}

// rest walks over what follows the question, which is of interest for EDNS only.
func (q *Query) rest(msg []byte, off int) Verdict {
	before := int(binary.BigEndian.Uint16(msg[6:])) + int(binary.BigEndian.Uint16(msg[8:]))
	all := before + int(binary.BigEndian.Uint16(msg[10:]))
	for i := range all {
		start := off
		var err error
		if off, err = SkipName(msg, off); err != nil || off+10 > len(msg) {
			return Malformed
		}
		fixed := msg[off : off+10]
		data := off + 10
		if off = data + int(binary.BigEndian.Uint16(fixed[8:])); off > len(msg) {
			return Malformed
		}
		if Type(binary.BigEndian.Uint16(fixed)) != TypeOPT {
			continue
		}
		// RFC 6891 section 6.1.1: at most one, in the additional section, at the root.
		if i < before || q.EDNS || msg[start] != 0 || !q.opt(fixed, msg[data:off]) {
			return Malformed
		}
	}
	if q.Version != 0 {
		return WrongVersion
	}
	return Good
}

// opt reads the OPT record.
func (q *Query) opt(fixed, data []byte) bool {
	q.EDNS = true
	q.UDPSize = max(512, binary.BigEndian.Uint16(fixed[2:]))
	q.Version, q.DO = fixed[5], fixed[6]&0x80 != 0
	for len(data) > 0 {
		if len(data) < 4 {
			return false
		}
		code, n := binary.BigEndian.Uint16(data), int(binary.BigEndian.Uint16(data[2:]))
		if len(data) < 4+n {
			return false
		}
		switch code {
		case optionCookie:
			if n < 8 || n > 40 || n > 8 && n < 16 { // RFC 7873 section 5.2.2
				return false
			}
			q.Cookie = data[4 : 4+n]
		case optionECS:
			q.ECS = true
		}
		data = data[4+n:]
	}
	return true
}

// The options of EDNS that matter here.
const (
	optionECS     = 8
	optionCookie  = 10
	optionPadding = 12
	optionEDE     = 15
)
