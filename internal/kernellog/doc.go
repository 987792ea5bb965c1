// Package kernellog reads what rules with LOG (iptables) and log (nft) write into
// the kernel's log: from /dev/kmsg, and from files that grow, be they text as
// syslog and dmesg write it or exports of journald (-o export, -o json).
//
// The format is that of the kernel's nf_log_syslog.c. It has no grammar: keys
// repeat (LEN, ID), some words have no value, the prefix is glued to what
// follows, and an ICMP error carries the packet that it is about in brackets.
// So a line is read from left to right, once.
package kernellog
