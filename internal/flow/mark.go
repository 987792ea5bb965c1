package flow

import "fmt"

// Mark is the number of the account that a keeper of packets has of a flow, in 31 bits; 0
// for none. A place of the table keeps its number: the next flow there finds it without
// [MarkOpen], so that a keeper needs no more numbers than the table has places. A Mark is 4
// bytes long, which an entry has to spare.
type Mark uint32

// MarkOpen is set by a keeper once the account is that of this flow.
const MarkOpen Mark = 1 << 31

// Note is what a judge of packets has noted of a flow: what it says is the judge's own affair.
// The metering of a packet has its cache line at hand, so that it costs no wait.
type Note uint32

// Kept counts a flow's packets that a keeper was given, since the flow began.
// The zero Kept is that of a flow of which no keeper knows.
type Kept struct {
	Written, Cut, Lost uint32 // packets: stored, stored as headers only, not stored
	First, Last        uint32 // numbers of the segments that have the first and the last; 0 for none
	Boot               uint32 // of the machine, in which the numbers are unique
}

// Segments returns the names of the segments that have the first and the last of the
// packets, as those of files begin: 3f9a1c04-000017. last is "" if it is the same one, and both
// are if none is stored.
func (k *Kept) Segments() (first, last string) {
	if k.First == 0 {
		return "", ""
	}
	if first = fmt.Sprintf("%08x-%06d", k.Boot, k.First); k.Last != k.First {
		last = fmt.Sprintf("%08x-%06d", k.Boot, k.Last)
	}
	return first, last
}

// Known reports whether a keeper was given packets of the flow.
func (k *Kept) Known() bool { return k.Written|k.Cut|k.Lost != 0 }
