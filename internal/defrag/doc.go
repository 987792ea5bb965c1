// Package defrag reassembles the fragments of IP datagrams (RFC 791 section 3.2,
// RFC 8200 section 4.5), for parsers that need whole datagrams.
//
// The number of incomplete datagrams, the fragments and bytes of each, the bytes
// of all and the time that one may take are bounded. If there are too many, the
// interface that has the most of them loses its older half. Fragments that overlap
// discard their datagram (RFC 5722), for IPv4, too: only attackers send them.
package defrag
