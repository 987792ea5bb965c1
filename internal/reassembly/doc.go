// Package reassembly puts the segments of a TCP connection in order (RFC 9293
// section 3.4) for a parser that reads streams.
//
// It waits for a missing segment only while that may still arrive: until the
// receiver acknowledges data after the gap, until more than a few segments wait,
// or until [Patience] of packet time has passed. Then it reports the gap and
// continues. Data that was delivered before is dropped. Sequence numbers are
// compared modulo 2^32.
package reassembly
