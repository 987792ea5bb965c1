package upstream

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
)

// Query is a question to upstream servers and how to ask it.
type Query struct {
	dnsmsg.Question
	CD bool // the client wants unvalidated data (RFC 4035 section 3.2.2)
	// Zone is the zone that the servers are responsible for, in lower case; nil for
	// all names. Their records of names outside of it are dropped.
	Zone []byte
	// MixCase sends the name with letters of random case, which a forger would
	// have to guess. Some servers cannot answer such a query.
	MixCase bool
}

// udpSize is the largest response over UDP in bytes: larger ones may be fragmented
// (DNS flag day 2020).
const udpSize = 1232

// newID returns an unpredictable id (RFC 5452 section 9.2).
func newID() uint16 {
	var b [2]byte
	_, _ = rand.Read(b[:]) // never fails
	return binary.BigEndian.Uint16(b[:])
}

// pack returns the message to send. cookie is nil for none, and pad is 0 for no
// padding; both need EDNS.
func (q *Query) pack(id uint16, edns bool, cookie []byte, pad int) []byte {
	flags := dnsmsg.FlagRD
	if q.CD {
		flags |= dnsmsg.FlagCD
	}
	if edns {
		flags |= dnsmsg.FlagAD // ask for AD in the response (RFC 6840 section 5.7)
	}
	b := make([]byte, 0, 512)
	b = dnsmsg.AppendQuestion(dnsmsg.AppendHeader(b, id, flags), q.Name, q.Type, q.Class)
	if q.MixCase {
		mixCase(b[dnsmsg.HeaderSize : dnsmsg.HeaderSize+len(q.Name)])
	}
	dnsmsg.SetCounts(b, 1, 0, 0, 0)
	if edns {
		b = dnsmsg.AppendOPT(b, &dnsmsg.OPT{Size: udpSize, DO: q.DO, EDE: dnsmsg.NoEDE, Cookie: cookie, Pad: pad})
		dnsmsg.SetCounts(b, 1, 0, 0, 1)
	}
	return b
}

// mixCase gives the letters of a name random case.
func mixCase(name []byte) {
	var random [dnsmsg.MaxName]byte
	_, _ = rand.Read(random[:len(name)])
	for i, c := range name {
		if c-'a' < 26 && random[i]&1 != 0 {
			name[i] = c &^ 0x20
		}
	}
}

// Errors of attempts, which the error of Ask may wrap.
var (
	ErrTimeout = errors.New("no answer in time")
	ErrBusy    = errors.New("too many queries are waiting for this server")
	errCut     = errors.New("the answer is truncated")
	errLate    = errors.New("the connection ended before the answer")
)

// RCodeError is the error of a server that has responded with an error code.
type RCodeError struct{ RCode dnsmsg.RCode }

// Error returns the mnemonic of the code.
func (e *RCodeError) Error() string { return fmt.Sprintf("the server responded with %s", e.RCode) }

// read checks a response that matches and rebuilds it.
func (q *Query) read(msg []byte) (*dnsmsg.Reply, error) {
	rcode := dnsmsg.RCode(msg[3] & 15)
	if rcode != dnsmsg.NoError && rcode != dnsmsg.NXDomain {
		return nil, &RCodeError{rcode}
	}
	if msg[2]&byte(dnsmsg.FlagTC>>8) != 0 {
		return nil, errCut
	}
	p := new(dnsmsg.Reply)
	if err := p.Rebuild(msg, &q.Question, q.Zone); err != nil {
		return nil, fmt.Errorf("reading the answer: %w", err)
	}
	if p.RCode != dnsmsg.NoError && p.RCode != dnsmsg.NXDomain {
		return nil, &RCodeError{p.RCode}
	}
	return p, nil
}

// formErr reports whether a server did not understand the query, as very old ones
// do not understand EDNS (RFC 6891 section 7).
func formErr(err error) bool {
	var r *RCodeError
	return errors.As(err, &r) && (r.RCode == dnsmsg.FormErr || r.RCode == dnsmsg.NotImp || r.RCode == dnsmsg.BadVers)
}
