// Package mixture merges the Ethernet captures of a folder into one large
// capture of real traffic.
//
// Every file in the classic pcap format with link type Ethernet takes part,
// found by its header and not by its name; a damaged file takes part up to the
// damage. The packets of all files are interleaved in proportion, as if all
// captures had been made at the same time: packet 10 of 100 comes beside packet
// 100 of 1000. The whole is repeated until there are enough packets. In
// repetition r all unicast IP addresses are moved to other networks by an
// exclusive or with r, so that each repetition brings new flows of the same
// shape, both directions of a flow stay together and a file of few flows does
// not become one of few and endless flows. Checksums follow (RFC 1624).
//
// The timestamps are replaced, spread evenly over [traffic.Span] as in the
// artificial captures: no idle timeout falls into it, so that programs that go
// by packet time and programs that go by the wall clock have the same to do.
package mixture
