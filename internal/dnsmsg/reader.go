package dnsmsg

import "encoding/binary"

// Section is a section of a message.
type Section uint8

// The sections that have records.
const (
	Answer Section = iota
	Authority
	Additional
)

// Record is one record of a message, described by offsets into it.
type Record struct {
	Section Section
	Name    int // offset of the owner's name
	Type    Type
	Class   Class
	TTL     uint32 // 0 where the wire has the highest bit set (RFC 2181 section 8)
	TTLAt   int    // offset of the TTL
	Data    int    // offset of the data
	Len     int    // its length
}

// Reader walks over the records of a message, in order. The zero value has none.
type Reader struct {
	msg  []byte
	off  int
	left [3]int
	err  error
}

// Read begins with the first record of msg, behind its questions.
func (r *Reader) Read(msg []byte) error {
	*r = Reader{msg: msg}
	if len(msg) < HeaderSize {
		r.err = ErrTruncated
		return r.err
	}
	questions, answer, authority, additional := Counts(msg)
	r.off, r.left = HeaderSize, [3]int{answer, authority, additional}
	for range questions {
		if r.off, r.err = SkipName(msg, r.off); r.err != nil {
			return r.err
		}
		if r.off += 4; r.off > len(msg) {
			r.err = ErrTruncated
			return r.err
		}
	}
	return nil
}

// Next reads a record and reports whether there was one. After false, Err says
// whether the message was well-formed so far.
func (r *Reader) Next(rr *Record) bool {
	s := Answer
	for ; s <= Additional && r.left[s] == 0; s++ {
	}
	if r.err != nil || s > Additional {
		return false
	}
	r.left[s]--
	name := r.off
	off, err := SkipName(r.msg, r.off)
	if err != nil {
		r.err = err
		return false
	}
	if off+10 > len(r.msg) {
		r.err = ErrTruncated
		return false
	}
	f := r.msg[off : off+10]
	*rr = Record{Section: s, Name: name, Type: Type(binary.BigEndian.Uint16(f)), Class: Class(binary.BigEndian.Uint16(f[2:])),
		TTL: binary.BigEndian.Uint32(f[4:]), TTLAt: off + 4, Data: off + 10, Len: int(binary.BigEndian.Uint16(f[8:]))}
	if rr.TTL>>31 != 0 {
		rr.TTL = 0
	}
	if r.off = rr.Data + rr.Len; r.off > len(r.msg) {
		r.err = ErrTruncated
		return false
	}
	return true
}

// Err returns what ended the walk early, nil for nothing.
func (r *Reader) Err() error { return r.err }

// Offset returns where the next record begins.
func (r *Reader) Offset() int { return r.off }

// Cookie returns the cookie of an answer (RFC 7873), nil where it has none. It
// points into msg.
func Cookie(msg []byte) []byte {
	var r Reader
	if r.Read(msg) != nil {
		return nil
	}
	for rr := (Record{}); r.Next(&rr); {
		if rr.Type != TypeOPT || rr.Section != Additional {
			continue
		}
		for data := msg[rr.Data : rr.Data+rr.Len]; len(data) >= 4; {
			n := int(binary.BigEndian.Uint16(data[2:]))
			if len(data) < 4+n {
				return nil
			}
			if binary.BigEndian.Uint16(data) == optionCookie {
				return data[4 : 4+n]
			}
			data = data[4+n:]
		}
	}
	return nil
}
