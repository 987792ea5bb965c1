package flow

// Mark is a note that a keeper of packets leaves in a live flow: where, in what it
// writes just now, this flow is entered already, and what happened to its packets. It is
// 6 bytes long, which is what an entry has to spare. The zero Mark is that of a flow that
// no one has noted yet.
type Mark struct {
	Generation uint16 // of what is written; 0 for none
	Slot       uint16 // the flow's place, valid for the generation only
	Kept       Kept   // since the flow began
}

// Kept says what happened to packets of a flow that a keeper was given: any of the bits
// below.
type Kept uint8

// The bits of Kept.
const (
	Stored Kept = 1 << iota // packets were stored
	Cut                     // of some only the headers
	Lost                    // some were not
)
