// Package upstream queries other resolvers over UDP, TCP, TLS (RFC 7858) and HTTPS
// (RFC 8484), one or several at a time.
//
// Only a response to exactly the question that was sent counts. Over UDP, messages
// with another id, another question or another source are ignored until the time is
// up, so that a forged packet can neither win nor make a query fail (RFC 5452).
// Each query has an id from a cryptographic source and, over UDP, its own socket
// and so its own port. A server that is configured for TLS or HTTPS is never
// queried in any other way.
package upstream
