// Package servercert reads who has issued the certificate of a TLS server, to whom, for how
// long, and for which names, from the first segment that the server sends. TLS 1.2 and older (RFC 5246 section
// 7.4.2) send it in clear; 1.3 does not. The issuer, the validity and the subject come first
// in a certificate, so that no segments need to be put together; the names are read if they are there.
//
// All input is hostile. Nothing in this package panics, allocates or keeps anything.
package servercert

import (
	"bytes"
	"time"
)

// Certificate is what the beginning of a certificate says.
type Certificate struct {
	// SelfIssued says that the issuer and the subject are the same: no one vouches for it.
	SelfIssued bool
	// NotBefore and NotAfter are when it begins and ceases to be valid, in seconds since the
	// Unix epoch.
	NotBefore, NotAfter int64
	// OtherNames says that it is for other names than the client asks for. Read does not set it.
	OtherNames bool
}

// The types of records and handshake messages (RFC 5246 sections 6.2.1 and 7.4).
const (
	recordHandshake = 22
	serverHello     = 2
	certificate     = 11
)

// Begins reports whether a payload of TCP looks like the first that a TLS server sends. It is
// cheap.
func Begins(payload []byte) bool {
	return len(payload) > 5 && payload[0] == recordHandshake && payload[1] == 3 && payload[5] == serverHello
}

// Read returns what the certificate in a payload says. ok is false if there is none, or less of
// it than that.
func Read(payload []byte) (c Certificate, ok bool) { return parse(leaf(payload)) }

// leaf returns what there is of the certificate of the server in a payload, nil if there is none.
func leaf(payload []byte) []byte {
	if !Begins(payload) {
		return nil
	}
	for len(payload) > 5 && payload[0] == recordHandshake {
		record := payload[5:min(len(payload), 5+int(payload[3])<<8+int(payload[4]))]
		payload = payload[5+len(record):]
		for len(record) > 4 {
			kind, n := record[0], int(record[1])<<16|int(record[2])<<8|int(record[3])
			record = record[4:]
			if kind == certificate {
				return first(record[:min(n, len(record))])
			}
			record = record[min(n, len(record)):]
		}
	}
	return nil
}

// first returns the first certificate of a list, that of the server, and what comes after it.
func first(list []byte) []byte {
	if len(list) < 6 {
		return nil
	}
	return list[6:]
}

// parse reads the beginning of a certificate (RFC 5280 section 4.1).
func parse(b []byte) (c Certificate, ok bool) {
	r := der(b)
	r.enter(sequence)                   // Certificate
	r.enter(sequence)                   // TBSCertificate
	if len(r) > 0 && r[0] == explicit { // version
		r.take(explicit)
	}
	r.take(integer)  // serialNumber
	r.take(sequence) // signature
	issuer := r.take(sequence)
	validity := der(r.take(sequence))
	subject := r.take(sequence)
	before, beforeOK := validity.time()
	after, afterOK := validity.time()
	if r == nil || !beforeOK || !afterOK {
		return c, false
	}
	return Certificate{SelfIssued: bytes.Equal(issuer, subject), NotBefore: before, NotAfter: after}, true
}

// The tags of DER (ITU-T X.690) that are needed.
const (
	integer         = 0x02
	utcTime         = 0x17
	generalizedTime = 0x18
	sequence        = 0x30
	explicit        = 0xa0
)

// der is what is left of a text in DER; nil after a fault.
type der []byte

// header removes a tag and a length, and returns the length.
func (r *der) header(tag byte) (n int, ok bool) {
	b := *r
	*r = nil
	if len(b) < 2 || b[0] != tag {
		return 0, false
	}
	n, b = int(b[1]), b[2:]
	if n >= 0x80 {
		size := n & 0x7f
		if size < 1 || size > 3 || len(b) < size {
			return 0, false
		}
		n = 0
		for _, one := range b[:size] {
			n = n<<8 | int(one)
		}
		b = b[size:]
	}
	*r = b
	return n, true
}

// enter removes the beginning of a value, which may be cut.
func (r *der) enter(tag byte) { r.header(tag) }

// take removes a value and returns its content.
func (r *der) take(tag byte) []byte {
	n, ok := r.header(tag)
	if !ok || n > len(*r) {
		*r = nil
		return nil
	}
	content := (*r)[:n]
	*r = (*r)[n:]
	return content
}

// time removes a time and returns it in seconds since the Unix epoch.
func (r *der) time() (seconds int64, ok bool) {
	layout, tag := "060102150405Z", byte(utcTime)
	if len(*r) > 0 && (*r)[0] == generalizedTime {
		layout, tag = "20060102150405Z", generalizedTime
	}
	content := r.take(tag)
	if len(content) != len(layout) {
		return 0, false
	}
	t, err := time.Parse(layout, string(content))
	if err != nil {
		return 0, false
	}
	if tag == utcTime && t.Year() >= 2050 { // RFC 5280 section 4.1.2.5.1
		t = t.AddDate(-100, 0, 0)
	}
	return t.Unix(), true
}
