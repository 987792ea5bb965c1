package dnsmsg

import "encoding/binary"

// HeaderSize is the size in bytes of the header of a message.
const HeaderSize = 12

// Query is the query of a client. Its slices refer to the message that was parsed.
// The zero value is ready for use, and a Query may be used for any number of
// messages. It is not safe for concurrent use.
type Query struct {
	ID     uint16
	Flags  uint16
	Opcode uint8
	// Name is the name of the question in the client's case, which the answer
	// repeats. It is nil if there is no question to repeat.
	Name  []byte
	Type  Type
	Class Class

	EDNS    bool
	UDPSize uint16 // largest UDP payload that the client accepts, at least 512
	Version uint8  // of EDNS
	DO      bool   // the client wants the records of DNSSEC (RFC 3225)
	Cookie  []byte // the COOKIE option (RFC 7873), nil if there is none
	ECS     bool   // the query has a client subnet option (RFC 7871)

	lower [MaxName]byte // Name in lower case
}

// Lower returns the name of the question in lower case. It is valid until the
// next Parse.
func (q *Query) Lower() []byte { return q.lower[:len(q.Name)] }

// ParseResult is the outcome of [Query.Parse]: how a server has to respond.
type ParseResult uint8

// The outcomes of Parse.
const (
	Good           ParseResult = iota // a query to answer
	Ignore                            // no response: too short to be a query, or itself a response
	Malformed                         // FORMERR
	NotImplemented                    // NOTIMP: an operation other than QUERY
	WrongVersion                      // BADVERS: an EDNS version other than 0
)

// Parse reads a query. ID, Flags and Opcode are set unless the outcome is Ignore;
// the question is set if it could be read. Parse does not allocate.
func (q *Query) Parse(msg []byte) ParseResult {
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
	if binary.BigEndian.Uint16(msg[4:]) != 1 { // RFC 9619 section 3
		return Malformed
	}
	off, ok := q.question(msg)
	if !ok {
		return Malformed
	}
	return q.edns(msg, off)
}

// question reads the question. It accepts no compression pointer, which could lead
// only into the header.
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

// edns walks over what follows the question, at offset off, and reads the OPT
// record, the only one that matters in a query.
func (q *Query) edns(msg []byte, off int) ParseResult {
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
		// RFC 6891 section 6.1.1: at most one, in the additional section, with the root as its name.
		if i < before || q.EDNS || msg[start] != 0 || !q.opt(fixed, msg[data:off]) {
			return Malformed
		}
	}
	if q.Version != 0 {
		return WrongVersion
	}
	return Good
}

// opt reads an OPT record from the fields after its name and its data, and reports
// whether it is well-formed.
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

// The EDNS options that are read or written.
const (
	optionECS     = 8
	optionCookie  = 10
	optionPadding = 12
	optionEDE     = 15
)
