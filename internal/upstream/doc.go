// Package upstream asks other resolvers: over UDP, TCP, TLS (RFC 7858) and HTTPS
// (RFC 8484), one or several at a time.
//
// An answer counts only if it is one to the very question: over UDP, what comes
// with another id, another question or from elsewhere is passed over until the
// time is up, so that a forged packet can neither win nor make a query fail (RFC
// 5452). Each query has an id from a cryptographic source and, over UDP, a
// socket and so a port of its own. A server that is to be asked over TLS or
// HTTPS is never asked otherwise.
package upstream
