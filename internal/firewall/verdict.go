package firewall

import "github.com/qubesbeat/qubesbeat/internal/qube"

// Point is the place in the netvm at which an attempt was refused.
type Point uint8

// The points, in the order in which a packet meets them.
const (
	Antispoof   Point = iota // the source address does not belong to the interface
	Input                    // the input chain: clients may not reach the netvm itself
	QVMFirewall              // the rules of qvm-firewall for the client
	InterQube                // clients may not reach each other
	User                     // a rule of the user
)

// String returns the point as events spell it, "unknown" for any other value.
func (p Point) String() string {
	return nameOf(int(p), "antispoof", "input", "qvm-firewall", "inter-qube", "user")
}

// nameOf returns the name with that index, "unknown" if there is none.
func nameOf(index int, names ...string) string {
	if index >= len(names) {
		return "unknown"
	}
	return names[index]
}

// A Verdict is a refused connection attempt with its repetitions.
type Verdict struct {
	Tuple
	Point       Point
	Reply       Reply
	Source      Source
	Rule        string // prefix of the user's rule, "" if it was none
	In, Out     string // interfaces, "" for none
	First, Last int64  // nanoseconds since the Unix epoch
	Count       uint64 // refused packets
	Bytes       uint64 // of the packets whose length is known
	// Coalesced reports whether Count is the sum of many attempts of one client, with
	// different addresses or ports. Fields in which they differ are zero.
	Coalesced bool
}

// pointOf derives the point of an attempt that no rule of the user has logged.
// isExplained reports whether qvm-firewall rejected something of the same client at that
// time: the kernel does not send an ICMP error for each packet.
func pointOf(v *Verdict, isExplained bool) Point {
	_, toVif := qube.VifDomain(v.Out)
	switch {
	case v.Out == "" && (v.Source != ICMPError || v.Reply == ReplyHost):
		return Input
	case v.Reply == ReplyAdmin:
		return QVMFirewall
	case toVif:
		return InterQube
	case v.Reply == ReplyNone && isExplained:
		return QVMFirewall
	}
	return User
}

// coalesce adds the counts of another verdict of the same client and point.
func (v *Verdict) coalesce(o *Verdict) {
	v.Count += o.Count
	v.Bytes += o.Bytes
	v.First, v.Last = min(v.First, o.First), max(v.Last, o.Last)
	v.SrcPort, v.ICMPID = common(v.SrcPort, o.SrcPort), common(v.ICMPID, o.ICMPID)
	v.DstPort, v.ICMPType = common(v.DstPort, o.DstPort), common(v.ICMPType, o.ICMPType)
	v.ICMPCode = common(v.ICMPCode, o.ICMPCode)
	v.Proto, v.Src, v.Dst = common(v.Proto, o.Proto), common(v.Src, o.Src), common(v.Dst, o.Dst)
	v.Rule, v.Out = common(v.Rule, o.Rule), common(v.Out, o.Out)
	v.Reply, v.Source = common(v.Reply, o.Reply), common(v.Source, o.Source)
	v.Coalesced = true
}

// common returns the value of both, zero if they differ.
func common[T comparable](a, b T) (zero T) {
	if a == b {
		return a
	}
	return zero
}
