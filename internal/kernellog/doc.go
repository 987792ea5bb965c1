// Package kernellog reads the packets that rules with LOG (iptables) and log (nft) write
// to the kernel's log: from /dev/kmsg, and from growing files in the formats of syslog,
// dmesg and journald (-o export, -o json).
//
// The format of a packet is that of the kernel's nf_log_syslog.c. It has no grammar: keys
// are repeated (LEN, ID), some words have no value, no space separates the prefix from
// what follows, and an ICMP error contains the packet that caused it in brackets. So a
// line is read once, from left to right.
package kernellog
