// Package nflog reads the packets that nft and iptables rules log to a netlink group (nft:
// `log group 53`, kernel: net/netfilter/nfnetlink_log.c). Unlike lines in the kernel's log,
// the messages are binary, never appear on a console, and are numbered, so that losses are
// noticed.
package nflog
