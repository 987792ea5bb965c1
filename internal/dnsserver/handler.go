package dnsserver

import "net/netip"

// Handler answers queries.
type Handler interface {
	// NewSession returns a session for one goroutine of the server: one for each
	// UDP socket and each TCP connection.
	NewSession() Session
}

// Session handles the queries that one goroutine reads, one after the other. It
// may keep memory between them and need not be safe for concurrent use.
type Session interface {
	// Handle appends the answer to dst and returns it; an empty one means that none
	// is sent. If done is false, the session has called [Query.Defer] and answers
	// later. Neither q nor dst may be used after Handle returned.
	Handle(q *Query, dst []byte) (reply []byte, done bool)
	// Failed is called after a panic of Handle at q, which the server answers with
	// SERVFAIL.
	Failed(q *Query)
}

// Query is a message that a client sent. Its contents have not been looked at.
type Query struct {
	Arrival
	Msg []byte
	via deferrer
}

// Arrival is how a message came.
type Arrival struct {
	From  netip.AddrPort
	Local netip.AddrPort // destination; invalid if unknown
	Iface uint32         // index of the interface that it came in on, 0 if unknown
	TCP   bool
	At    int64 // nanoseconds since the Unix epoch
	Size  int   // of the message, in bytes
}

// deferrer is a socket or connection that a query came from.
type deferrer interface{ deferred() Responder }

// Defer returns what sends the answer after Handle has returned.
func (q *Query) Defer() Responder { return q.via.deferred() }

// Responder sends the answer to a deferred query.
type Responder interface {
	// Respond sends the answer; an empty one means that none is sent. It has to be
	// called exactly once, from any goroutine. The caller may use reply again when
	// it returns, but not the responder.
	Respond(reply []byte)
}
