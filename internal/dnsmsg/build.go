package dnsmsg

import "encoding/binary"

// toQuestion is a compression pointer to the name of the question, which follows
// the header in every message.
const toQuestion = 0xC000 | HeaderSize

// AppendHeader appends a header without records; see [SetCounts].
func AppendHeader(dst []byte, id, flags uint16) []byte {
	dst = binary.BigEndian.AppendUint16(dst, id)
	dst = binary.BigEndian.AppendUint16(dst, flags)
	return append(dst, 0, 0, 0, 0, 0, 0, 0, 0)
}

// SetCounts sets the numbers of records in the header of msg.
func SetCounts(msg []byte, question, answer, authority, additional int) {
	for i, n := range [...]int{question, answer, authority, additional} {
		binary.BigEndian.PutUint16(msg[4+2*i:], uint16(n))
	}
}

// Counts returns the numbers of records in the header of msg, which need not be
// true. It panics if msg is shorter than HeaderSize.
func Counts(msg []byte) (question, answer, authority, additional int) {
	n := func(i int) int { return int(binary.BigEndian.Uint16(msg[4+2*i:])) }
	return n(0), n(1), n(2), n(3)
}

// AppendQuestion appends a question.
func AppendQuestion(dst, name []byte, t Type, c Class) []byte {
	dst = append(dst, name...)
	dst = binary.BigEndian.AppendUint16(dst, uint16(t))
	return binary.BigEndian.AppendUint16(dst, uint16(c))
}

// AppendRecord appends a record with at most 65,535 bytes of data. A nil owner
// means the name of the question, as a compression pointer.
func AppendRecord(dst, owner []byte, t Type, c Class, ttl uint32, data []byte) []byte {
	dst = appendOwner(dst, owner, t, c, ttl)
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(data)))
	return append(dst, data...)
}

// appendOwner appends a record up to its TTL.
func appendOwner(dst, owner []byte, t Type, c Class, ttl uint32) []byte {
	if owner == nil {
		dst = binary.BigEndian.AppendUint16(dst, toQuestion)
	} else {
		dst = append(dst, owner...)
	}
	dst = binary.BigEndian.AppendUint16(dst, uint16(t))
	dst = binary.BigEndian.AppendUint16(dst, uint16(c))
	return binary.BigEndian.AppendUint32(dst, ttl)
}

// soaData is the size in bytes of what follows the two names in the data of a SOA:
// serial, refresh, retry, expire and minimum (RFC 1035 section 3.3.13).
const soaData = 20

// AppendSOA appends the SOA record that a negative answer needs (RFC 2308 section
// 3). The owner is the name of the question; ttl is also the minimum.
func AppendSOA(dst, mname []byte, c Class, ttl uint32) []byte {
	dst = appendOwner(dst, nil, TypeSOA, c, ttl)
	dst = binary.BigEndian.AppendUint16(dst, uint16(2*len(mname)+soaData))
	dst = append(append(dst, mname...), mname...)
	for _, v := range [...]uint32{1, 3600, 600, 86400, ttl} {
		dst = binary.BigEndian.AppendUint32(dst, v)
	}
	return dst
}

// OPT is the content of an OPT record (RFC 6891 section 6.1) to send.
type OPT struct {
	Size   uint16 // largest UDP payload in bytes that the sender accepts
	RCode  RCode  // its upper bits are in the OPT record
	DO     bool
	EDE    EDE    // NoEDE for none
	Text   string // extra text of EDE
	Cookie []byte // nil for none
	Pad    int    // pads the message to a multiple of this, 0 for no padding (RFC 8467)
}

// AppendOPT appends an OPT record to the message dst. It does not change the
// counts of the header; see [SetCounts].
func AppendOPT(dst []byte, o *OPT) []byte {
	flags := byte(0)
	if o.DO {
		flags = 0x80
	}
	dst = append(dst, 0, 0, byte(TypeOPT), byte(o.Size>>8), byte(o.Size), byte(o.RCode>>4), 0, flags, 0, 0, 0)
	start := len(dst)
	if o.EDE != NoEDE {
		dst = appendOption(dst, optionEDE, 2+len(o.Text))
		dst = binary.BigEndian.AppendUint16(dst, uint16(o.EDE))
		dst = append(dst, o.Text...)
	}
	if o.Cookie != nil {
		dst = appendOption(dst, optionCookie, len(o.Cookie))
		dst = append(dst, o.Cookie...)
	}
	if o.Pad > 0 {
		n := (o.Pad - (len(dst)+4)%o.Pad) % o.Pad
		dst = appendOption(dst, optionPadding, n)
		for range n {
			dst = append(dst, 0)
		}
	}
	binary.BigEndian.PutUint16(dst[start-2:], uint16(len(dst)-start))
	return dst
}

// appendOption appends the head of an EDNS option with n bytes of data.
func appendOption(dst []byte, code uint16, n int) []byte {
	dst = binary.BigEndian.AppendUint16(dst, code)
	return binary.BigEndian.AppendUint16(dst, uint16(n))
}
