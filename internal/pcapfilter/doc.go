// Package pcapfilter compiles the filter language of tcpdump, described in the
// manual pcap-filter(7), to classic BPF. It needs neither libpcap nor cgo, opens
// no file and resolves no name: a host is written as an address, and services
// and protocols are known from tables in the package.
//
// The result of [Compile] runs unchanged in the Linux kernel (SO_ATTACH_FILTER)
// and in [golang.org/x/net/bpf.VM], and accepts the frames that libpcap 1.10
// accepts for a capture file. The language has:
//
//   - host, net, port, portrange, proto with src, dst, "src or dst" and "src and
//     dst", for ip, ip6, arp, rarp, tcp, udp, sctp and ether;
//   - protocols by name (tcp, icmp6, stp, ...), broadcast, multicast, less,
//     greater, inbound and outbound (cooked captures), ifindex (cooked, version 2);
//   - vlan, mpls, pppoed and pppoes, which move every later test past their
//     header;
//   - relations between arithmetic expressions over packet bytes,
//     "tcp[tcpflags] & tcp-syn != 0";
//   - and, or, not with the precedence of libpcap: "and" and "or" bind equally
//     and associate to the left, "not" binds tightest, and an address or number
//     without a qualifier takes the qualifiers before it.
//
// # Limits
//
// The kernel of Linux takes the outer VLAN tag out of a frame before a packet
// socket sees it. The test "vlan" reads the tag inside the frame, as libpcap does
// for a capture file, so on a live socket it sees only inner tags.
//
// These forms are refused with an [*Error] that names them: host, network and
// Ethernet names, "gateway", "protochain", "geneve", "vxlan", "llc", "ip
// broadcast" (the network mask is not known), "decnet host", everything of
// 802.11, ATM, SS7, ARCnet, batman-adv and OpenBSD's pf.
//
// # Differences from libpcap
//
//   - "net 10/8" and "((80 or 443) or 22)" are accepted; libpcap requires at least
//     two parts before the slash, and allows no list at the start of a list.
//   - The byte order of [packet.LinkNull] is not known: both orders are
//     accepted, and AF_INET6 may also be Linux's 10.
//   - A load beyond the end of a frame rejects it, and libpcap's optimiser changes
//     which loads are made. The frames that are too short for a header may
//     therefore differ from tcpdump; they agree with tcpdump -O.
//   - libpcap refuses an expression if it finds that no frame can match. So does
//     Compile, but the two do not find the same ones: Compile considers the link
//     type, constants and tests for equality.
//   - "byte 0 & 1" and "byte 0 | 1" are refused; libpcap compiles them to a test of
//     no byte.
//
// One quirk of libpcap is kept: arithmetic keeps the protocol check of its left operand
// only. "tcp[0] + 1 = 6" is true only for TCP, "1 + tcp[0] = 6" reads a byte of
// any frame.
//
// A shift by more than 31 that is only known at run time gives 0 in the VM and
// in libpcap, and is taken modulo 32 by the kernel.
package pcapfilter
