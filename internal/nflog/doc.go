// Package nflog reads the packets that nft and iptables rules log to a netlink
// group (nft: `log group 53`, kernel: net/netfilter/nfnetlink_log.c). Unlike
// lines in the kernel's log they are binary, never reach a console, and are
// numbered, so that it is known when some were lost.
package nflog
