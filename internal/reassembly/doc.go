// Package reassembly puts the segments of a TCP connection in order (RFC 9293
// section 3.4) for a parser that reads streams.
//
// It waits for a missing segment only as long as that may still arrive: until the
// other side acknowledges data after the gap, until [MaxSegments] or [MaxBytes]
// wait, or until [Patience] of packet time has passed. Then it reports the gap and
// continues behind it. Repeated data are dropped. Sequence numbers are compared
// modulo 2^32.
package reassembly
