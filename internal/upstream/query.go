package upstream

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
)

// Query is what a client wants to know.
type Query struct {
	dnsmsg.Question
	CD bool // the client wants unchecked data (RFC 4035 section 3.2.2)
	// Zone is the zone of which the servers are the servers, in lower case; nil for
	// servers of everything. What they say of other names is left out.
	Zone []byte
	// MixCase writes the name with letters of random case, which a forger would
	// have to guess. Some servers cannot answer such a query.
	MixCase bool
}

// udpSize is what we take over UDP without fragments: DNS flag day 2020.
const udpSize = 1232

// newID returns an id that nobody can foresee.
func newID() uint16 {
	var b [2]byte
	_, _ = rand.Read(b[:]) // it never fails
	return binary.BigEndian.Uint16(b[:])
}

// pack returns the message to send. The name is in lower case, so that answers
// can be compared to the byte.
func (q *Query) pack(id uint16, edns bool, cookie []byte, pad int) []byte {
	flags := dnsmsg.FlagRD
	if q.CD {
		flags |= dnsmsg.FlagCD
	}
	if edns {
		flags |= dnsmsg.FlagAD // we want to be told (RFC 6840 section 5.7)
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

func mixCase(name []byte) {
	var random [dnsmsg.MaxName]byte
	_, _ = rand.Read(random[:len(name)])
	for i, c := range name {
		if c-'a' < 26 && random[i]&1 != 0 {
			name[i] = c &^ 0x20
		}
	}
}

// Errors of servers.
var (
	ErrTimeout = errors.New("no answer in time")
	ErrBusy    = errors.New("too many queries are waiting for this server")
	errCut     = errors.New("the answer is cut off")
	errLate    = errors.New("the connection ended before the answer")
)

// RCodeError tells that a server has refused or failed.
type RCodeError struct{ RCode dnsmsg.RCode }

// Error implements error.
func (e *RCodeError) Error() string { return fmt.Sprintf("the server says %s", e.RCode) }

// read checks an answer that matches and rebuilds it.
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

// formErr reports whether a server did not understand us, as very old ones do
// not understand EDNS.
func formErr(err error) bool {
	var r *RCodeError
	return errors.As(err, &r) && (r.RCode == dnsmsg.FormErr || r.RCode == dnsmsg.NotImp || r.RCode == dnsmsg.BadVers)
}
