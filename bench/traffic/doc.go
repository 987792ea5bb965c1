// Package traffic makes capture files of artificial traffic of the kind that a
// Qubes network qube forwards. The same Config gives the same bytes on every
// machine.
//
// Of every 100 flows
//
//	68 are TCP over IPv4, ports 22, 4443, 6881, 7001
//	17 are UDP over IPv4, ports 3478, 4433, 41641, 51820
//	 3 are ICMP echo over IPv4
//	 8 are TCP over IPv6
//	 3 are UDP over IPv6
//	 1 is  ICMPv6 echo
//
// between 50 clients (10.137.0.2 and up, fd09:24ef:4179::a89:2 and up) and
// servers in 198.18.0.0/15 (RFC 2544) or 2001:db8::/32 (RFC 3849). No port
// belongs to one of packetbeat's analyzers.
//
// A TCP flow begins with SYN, SYN-ACK and ACK. Of its further segments 50 % are
// bare acknowledgements (66 bytes over IPv4), 35 % carry 20 to 100 bytes, 12 %
// 200 to 400 and 3 % 1000 to 1400. Datagrams carry 40 to 200 bytes, echo
// messages 56. That gives frames of about 160 bytes on average: as small as in
// real traffic of interactive programs, and small enough that reading the file
// is cheap against metering it. All lengths and checksums are right.
//
// Flows never end: there is no FIN or RST, and the capture is shorter than the
// usual idle timeouts. The flow of every packet and its direction are picked at
// random, so that each packet meets a record that left the cache long ago.
package traffic
