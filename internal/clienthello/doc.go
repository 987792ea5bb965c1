// Package clienthello reads what a client says of itself when a TLS or QUIC
// connection begins: the name of the server, the protocols, the version and the
// JA4 fingerprint of its ClientHello (RFC 8446 section 4.1.2).
//
// It takes what a passive observer has: payloads of TCP segments ([TCP]) and of
// UDP datagrams ([QUIC]). [IsTLSClient] and [IsQUICInitial] tell from the first
// payload of a flow whether either is worth a try; they cost a few nanoseconds.
//
// # QUIC
//
// The first packets of a QUIC client are encrypted, but with keys that follow
// from the packet itself (RFC 9001 section 5.2), so that anyone on the path can
// read them. Versions 1 (RFC 9000), 2 (RFC 9369) and draft 29 are known.
//
// # JA4
//
// JA4 is the TLS client fingerprint of FoxIO, which its LICENSE-JA4 puts under
// the BSD 3-Clause licence:
// https://github.com/FoxIO-LLC/ja4/blob/main/technical_details/JA4.md. The other
// fingerprints of that family have another licence and are not here.
//
// # Hostile input
//
// All input is hostile. Nothing in this package panics, starts a goroutine or
// reads a clock, each flow has a fixed bound on memory and on work, and the time
// of each call is linear in its input, but for the sorting of two lists. Strings
// in a [Hello] are printable ASCII.
package clienthello
