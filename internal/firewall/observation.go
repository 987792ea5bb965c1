package firewall

import (
	"net/netip"
	"strings"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// Source is where an observation comes from.
type Source uint8

// The sources.
const (
	NFLog     Source = iota // a netlink message of our own nft table
	KernelLog               // a record of the kernel's log
	LogFile                 // a line of a log file
	ICMPError               // an ICMP error that was captured
)

// String returns the source as events spell it, "unknown" for any other value.
func (s Source) String() string {
	return nameOf(int(s), "nflog", "kernel_log", "log_file", "icmp_error")
}

// The prefixes of our own rules, without the space that ends them in a log.
const (
	PrefixNew    = "QB-NEW"    // a forwarded attempt, before all filters
	PrefixInput  = "QB-INPUT"  // an attempt against this machine, before all filters
	PrefixPass   = "QB-PASS"   // any of them, or of QB-SPOOF, after all rules that could have dropped it
	PrefixReject = "QB-REJECT" // an ICMP error of this machine to a client
	PrefixSpoof  = "QB-SPOOF"  // a source address that does not belong to the interface
	PrefixOver   = "QB-OVER"   // more accepted packets of an interface than are logged: see Tracker.LostOf
)

// Tuple identifies a connection attempt.
type Tuple struct {
	Proto            uint8
	Src, Dst         netip.Addr
	SrcPort, DstPort uint16 // TCP, UDP, UDP-Lite, SCTP, DCCP
	ICMPType         uint8
	ICMPCode         uint8
	ICMPID           uint16 // of an ICMP query
}

// An Observation is a packet that was logged.
type Observation struct {
	At      int64 // nanoseconds since the Unix epoch
	Source  Source
	Prefix  string // of the rule that logged it, verbatim
	In, Out string // interfaces, "" for none
	Tuple
	Length   uint32 // of the IP packet, 0 if unknown
	Inner    Tuple  // the packet that an ICMP error is about
	HasInner bool
	// Times is how many such packets a message stands for; 0 is one. It counts for rules of
	// the user only, whose messages come through programs that join them.
	Times uint32
}

// kind is what a rule means by logging a packet.
type kind uint8

const (
	userRule kind = iota // a rule of the user: refused, unless its prefix says otherwise
	attempt
	accepted
	rejected
	spoofed
	ignored
)

// kind returns what the observation means.
func (o *Observation) kind() kind {
	if o.Source == LogFile && strings.HasPrefix(o.Prefix, "QB-") {
		return ignored // forged: our rules do not log to files
	}
	switch strings.TrimSpace(o.Prefix) {
	case PrefixNew, PrefixInput:
		return attempt
	case PrefixPass:
		return accepted
	case PrefixReject:
		if !o.HasInner {
			return ignored
		}
		return rejected
	case PrefixSpoof:
		return spoofed
	case PrefixOver:
		return ignored
	}
	if o.HasInner || isAccepting(o.Prefix) || isNoise(o.Src) {
		return ignored
	}
	return userRule
}

// isNoise reports whether a packet from that address is one that every qube with IPv6
// sends by itself: router solicitations, neighbour discovery and group reports from
// fe80::, which the antispoofing rules of Qubes drop all the time. Our own rules do not
// log them.
func isNoise(a netip.Addr) bool { return a.Is6() && a.IsLinkLocalUnicast() || a.IsUnspecified() }

// Reply is the ICMP error that a client received.
type Reply uint8

// The replies. A dropped packet has none.
const (
	ReplyNone  Reply = iota
	ReplyAdmin       // administratively prohibited, which qvm-firewall rejects with
	ReplyHost        // host prohibited, which the input chain of Qubes rejects with
	ReplyPort        // port unreachable, which nft rejects with by default
	ReplyOther
)

// String returns the reply as events spell it, "" for none, "unknown" for any other value.
func (r Reply) String() string {
	return nameOf(int(r), "", "admin-prohibited", "host-prohibited", "port-unreachable", "unreachable")
}

// replyOf returns the meaning of an ICMP error (RFC 1812 section 5.2.7.1, RFC 4443
// section 3.1).
func replyOf(t *Tuple) Reply {
	switch {
	case t.Proto == packet.ProtoICMP && t.ICMPCode == 13, t.Proto == packet.ProtoICMPv6 && t.ICMPCode == 1:
		return ReplyAdmin
	case t.Proto == packet.ProtoICMP && (t.ICMPCode == 9 || t.ICMPCode == 10):
		return ReplyHost
	case t.Proto == packet.ProtoICMP && t.ICMPCode == 3, t.Proto == packet.ProtoICMPv6 && t.ICMPCode == 4:
		return ReplyPort
	}
	return ReplyOther
}

// Unreachable reports whether t is a destination-unreachable message, which firewalls
// reject with.
func (t *Tuple) Unreachable() bool {
	return t.Proto == packet.ProtoICMP && t.ICMPType == 3 || t.Proto == packet.ProtoICMPv6 && t.ICMPType == 1
}
