// Package pcapfile reads and writes capture files in the classic pcap format
// and nothing else of it: no pcapng, no per-packet allocation. The benchmarks
// use it instead of gopacket's pcapgo because files of millions of packets have
// to be made and counted in a few seconds.
package pcapfile
