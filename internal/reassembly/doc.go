// Package reassembly puts the segments of a TCP connection in order (RFC 9293
// section 3.4) for a parser that reads streams.
//
// It waits for a missing segment only as long as there is reason to believe that
// it is on its way: until the other side acknowledges data behind the hole,
// until more than a few segments wait, or until [Patience] of packet time is
// over. Then it reports the hole and goes on. What was seen before is dropped.
// Sequence numbers are compared in the circle of 2^32.
package reassembly
