package firewall

import (
	"net/netip"
	"strings"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// Source says how an observation has come.
type Source uint8

// The sources.
const (
	NFLog     Source = iota // a netlink message of our own nft table
	KernelLog               // a line of the kernel's log
	LogFile                 // the same in a file
	ICMPError               // an ICMP error that the capture has seen
)

// String returns the source as events spell it.
func (s Source) String() string {
	return [...]string{"nflog", "kernel_log", "log_file", "icmp_error"}[s]
}

// The prefixes of our own rules, without the space that ends them in a log.
const (
	PrefixNew    = "QB-NEW"    // a forwarded attempt, before all filters
	PrefixInput  = "QB-INPUT"  // an attempt against this machine, before all filters
	PrefixPass   = "QB-PASS"   // any of them, and of QB-SPOOF, behind what could have dropped it
	PrefixReject = "QB-REJECT" // an ICMP error of this machine to a client
	PrefixSpoof  = "QB-SPOOF"  // a source address that does not belong to the interface
	PrefixOver   = "QB-OVER"   // more passes of an interface than are logged: see Tracker.LostOf
)

// Tuple is what tells one connection attempt from others.
type Tuple struct {
	Proto            uint8
	Src, Dst         netip.Addr
	SrcPort, DstPort uint16 // TCP, UDP, UDP-Lite, SCTP, DCCP
	ICMPType         uint8
	ICMPCode         uint8
	ICMPID           uint16 // of an ICMP query
}

// An Observation is one packet that was logged.
type Observation struct {
	At      int64 // nanoseconds since the Unix epoch
	Source  Source
	Prefix  string // of the rule that has logged it, verbatim
	In, Out string // interfaces, "" for none
	Tuple
	Length   uint32 // of the IP packet, 0 where it is not known
	Inner    Tuple  // the packet that an ICMP error is about
	HasInner bool
}

// kind is what a rule has meant by logging a packet.
type kind uint8

const (
	userRule kind = iota // a rule of the user: refused, as far as it says
	attempt
	passed
	rejected
	spoofed
	ignored
)

// kind returns what o tells.
func (o *Observation) kind() kind {
	if o.Source == LogFile && strings.HasPrefix(o.Prefix, "QB-") {
		return ignored // our rules write to no file: somebody else has
	}
	switch strings.TrimSpace(o.Prefix) {
	case PrefixNew, PrefixInput:
		return attempt
	case PrefixPass:
		return passed
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
	if o.HasInner || accepting(o.Prefix) || noise(o.Src) {
		return ignored
	}
	return userRule
}

// noise tells what every qube with IPv6 sends by itself: router solicitations,
// neighbour discovery and group reports from fe80::, which the antispoofing rules of
// Qubes drop all day long. Our own rules leave it out already.
func noise(a netip.Addr) bool { return a.Is6() && a.IsLinkLocalUnicast() || a.IsUnspecified() }

// accepting tells prefixes of rules that log what they let through, and of what the
// kernel itself logs of packets.
func accepting(prefix string) bool {
	prefix = strings.ToUpper(prefix)
	for _, word := range []string{"ACCEPT", "ALLOW", "PASS", "PERMIT", "AUDIT", "TRACE:", "NF_CT_"} {
		if strings.Contains(prefix, word) {
			return true
		}
	}
	return false
}

// Reply is what a client was told.
type Reply uint8

// The replies. A packet that was dropped has none.
const (
	ReplyNone  Reply = iota
	ReplyAdmin       // administratively prohibited: what qvm-firewall rejects with
	ReplyHost        // host prohibited: what the input chain of Qubes rejects with
	ReplyPort        // port unreachable: what a plain nft "reject" says
	ReplyOther
)

// String returns the reply as events spell it, "" for none.
func (r Reply) String() string {
	return [...]string{"", "admin-prohibited", "host-prohibited", "port-unreachable", "unreachable"}[r]
}

// replyOf returns what an ICMP error says (RFC 1812 section 5.2.7.1, RFC 4443
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

// Unreachable reports whether t is an ICMP error of the kind that a firewall
// refuses with.
func (t *Tuple) Unreachable() bool {
	return t.Proto == packet.ProtoICMP && t.ICMPType == 3 || t.Proto == packet.ProtoICMPv6 && t.ICMPType == 1
}
