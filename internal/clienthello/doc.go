// Package clienthello reads the ClientHello (RFC 8446 section 4.1.2) that begins
// a TLS or QUIC connection: the name of the server, the application protocols,
// the version, and the client's JA4 fingerprint.
//
// Its input is what a passive observer has: payloads of TCP segments ([TCP]) and
// of UDP datagrams ([QUIC]). [IsTLSClient] and [IsQUICInitial] report from the
// first payload of a flow, in a few nanoseconds, whether either is worth trying.
//
// # QUIC
//
// The first packets of a QUIC client are encrypted, but with keys that are
// derived from the packet itself (RFC 9001 section 5.2), so anyone on the path can
// read them. Versions 1 (RFC 9000), 2 (RFC 9369) and draft 29 are supported.
//
// # JA4
//
// JA4 is the TLS client fingerprint of FoxIO, whose LICENSE-JA4 puts it under
// the BSD 3-Clause licence:
// https://github.com/FoxIO-LLC/ja4/blob/main/technical_details/JA4.md. The other
// fingerprints of that family have another licence and are not implemented here.
//
// # Hostile input
//
// All input is hostile. Nothing in this package panics, starts a goroutine or
// reads a clock, each flow has a fixed bound on memory and on work, and the time
// of each call is linear in its input, except for sorting two lists. Strings in a
// [Hello] are printable ASCII.
package clienthello
