// Package defrag reassembles fragmented IP datagrams (RFC 791 section 3.2, RFC
// 8200 section 4.5) for parsers that need complete datagrams.
//
// Everything is bounded: the number of incomplete datagrams, the fragments and
// bytes of each, the bytes of all, and how long one may take. If there are too
// many, the interface that takes most of the table loses its oldest. Overlapping
// fragments end their datagram (RFC 5722): they are not sent in good faith.
package defrag
