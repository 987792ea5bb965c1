// Package packets runs the beat with its store of packets in the sys-log of a testbed, and
// compares what `qubesbeat pcap` fetches with what tshark sees on the vif.
package packets
