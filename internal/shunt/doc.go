// Package shunt has the kernel count the packets of chosen flows instead of capturing them.
//
// A flow that moves bulk costs a capture one copy, one wake-up in some hundreds, and the
// decoding of headers that say nothing new. Here a program of the kernel (eBPF) adds such a
// packet to the counters of its flow and keeps it from the ring. The counters are in memory
// that both share, so that neither reading nor starting nor ending takes a system call.
//
// The program is that of a fanout group (packet(7), PACKET_FANOUT_EBPF) of two packet
// sockets: the ring, whose own filter stays as it is, and a sink that accepts nothing. It
// sends the packets that it has counted to the sink and all others to the ring. A packet
// that could change what is known of a flow is never counted: SYN, FIN, RST, the start of a
// ClientHello, a fragment, IP options, a tunnel, and the first one after a silence. A SYN,
// FIN, RST or ClientHello also ends the counting, in the kernel and at once, so that what
// follows reaches the ring in order.
package shunt
