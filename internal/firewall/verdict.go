package firewall

import "github.com/qubesbeat/qubesbeat/internal/qube"

// Point is the place in the netvm where an attempt was refused.
type Point uint8

// The points, in the order of a packet's way.
const (
	Antispoof   Point = iota // the source address is not that of the interface
	Input                    // the input chain: nobody talks to the netvm itself
	QVMFirewall              // the client's rules of qvm-firewall
	InterQube                // Qubes lets no client reach another one
	User                     // a rule of the user
)

// String returns the point as events spell it.
func (p Point) String() string {
	return [...]string{"antispoof", "input", "qvm-firewall", "inter-qube", "user"}[p]
}

// A Verdict is a refused connection attempt, with its repetitions.
type Verdict struct {
	Tuple
	Point       Point
	Reply       Reply
	Source      Source
	Rule        string // prefix of the user's rule, "" for none
	In, Out     string
	First, Last int64  // nanoseconds since the Unix epoch
	Count       uint64 // packets that were refused
	Bytes       uint64 // of them, as far as it is known
	// Folded says that Count is the sum of many attempts of one client, which
	// differ in addresses or ports: those that differ are zero.
	Folded bool
}

// place finds the point of an attempt that no rule of the user has claimed.
// explained says that qvm-firewall has rejected something of the same client at that
// time: the kernel does not say so of each packet.
func place(v *Verdict, explained bool) Point {
	_, toVif := qube.VifDomain(v.Out)
	switch {
	case v.Out == "" && (v.Source != ICMPError || v.Reply == ReplyHost):
		return Input
	case v.Reply == ReplyAdmin:
		return QVMFirewall
	case toVif:
		return InterQube
	case v.Reply == ReplyNone && explained:
		return QVMFirewall
	}
	return User
}

// fold adds what another verdict of the same client and point counts.
func (v *Verdict) fold(o *Verdict) {
	v.Count += o.Count
	v.Bytes += o.Bytes
	v.First, v.Last = min(v.First, o.First), max(v.Last, o.Last)
	v.SrcPort, v.ICMPID = same(v.SrcPort, o.SrcPort), same(v.ICMPID, o.ICMPID)
	v.DstPort, v.ICMPType, v.ICMPCode = same(v.DstPort, o.DstPort), same(v.ICMPType, o.ICMPType), same(v.ICMPCode, o.ICMPCode)
	v.Proto, v.Src, v.Dst = same(v.Proto, o.Proto), same(v.Src, o.Src), same(v.Dst, o.Dst)
	v.Rule, v.Out = same(v.Rule, o.Rule), same(v.Out, o.Out)
	v.Reply, v.Source = same(v.Reply, o.Reply), same(v.Source, o.Source)
	v.Folded = true
}

// same returns what both have in common, nothing where they differ.
func same[T comparable](a, b T) (none T) {
	if a == b {
		return a
	}
	return none
}
