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
	TTL     uint32 // in seconds, 0 if the highest bit is set (RFC 2181 section 8)
	TTLAt   int    // offset of the TTL
	Data    int    // offset of the data
	Len     int    // length of the data
}

// Reader reads the records of a message in order. The zero value has none. It is
// not safe for concurrent use.
type Reader struct {
	msg  []byte
	off  int    // of the next record
	left [3]int // by section: records to come
	err  error
}

// Read starts reading msg and skips its questions. It returns an error if they are
// malformed.
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

// Next reads a record and reports whether there was one. After it has returned
// false, Err returns the error that ended the message early, if any.
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
	*rr = Record{Section: s, Name: name,
		Type: Type(binary.BigEndian.Uint16(f)), Class: Class(binary.BigEndian.Uint16(f[2:])),
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

// Err returns the error that ended the message early, nil if it was well-formed.
func (r *Reader) Err() error { return r.err }

// Offset returns the offset of the next record.
func (r *Reader) Offset() int { return r.off }

// Cookie returns the COOKIE option of a response (RFC 7873), nil if it has none.
// The result is a part of msg.
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
