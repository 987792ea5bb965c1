// Package hello remembers the ClientHello of TLS and QUIC connections: the name
// of the server, the protocols on offer and the client's fingerprint.
//
// A [Table] observes the meter's packets. It reads them in the meter's goroutine,
// so that a ClientHello is there before any record of its flow, and a replay gives
// the same events on every run. Looking for a ClientHello costs a look at the
// first bytes of a packet. Reading one takes microseconds and happens once per
// connection, and a bounded number of times per second and interface.
package hello
