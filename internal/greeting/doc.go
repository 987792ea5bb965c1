// Package greeting remembers what the clients of TLS and QUIC connections say
// first: the name of the server, the protocols they speak, their fingerprint.
//
// A [Book] is a tap of the meter. It reads in the meter's own goroutine, so that
// a greeting is there before any record of its flow, and a replay gives the same
// events on every run. To find a greeting costs a look at the first bytes of a
// packet; to read one costs microseconds and happens once in a connection, and
// not more often than a bounded number of times a second for each interface.
package greeting
