// Package defrag puts the fragments of IP datagrams together again (RFC 791
// section 3.2, RFC 8200 section 4.5), for parsers that want whole datagrams.
//
// Everything is bounded: how many datagrams wait, how many pieces and bytes each
// may have, all bytes together, and how long one may take. Where there are too
// many, the interface that has most of them loses its oldest. Pieces that overlap
// end their datagram (RFC 5722): nobody sends them in good faith.
package defrag
