// Live compares what programs that watch an interface cost: qubesbeat, tcpdump,
// softflowd, nfpcapd and packetbeat, on a vif of a forwarding machine made of
// network namespaces.
//
//	client ── eth0 │ vif7.0 ── forwards ── eth0 │ net
//	               └ the program under test
//
// A sender puts frames into the client's eth0 at a constant rate, or iperf3 sends
// over one connection as fast as it can, with segmentation offload. The sender and
// all of the forwarding run on the first CPU, the program under test on the second,
// so that the sender's CPU time has what the kernel spends on a packet's copy, and
// that of the program the rest.
//
// It needs root, or "unshare -Urnm", and two CPUs.
package main
