package flow

// Mark is a note that a keeper of packets leaves in a live flow: where, in what it
// writes just now, this flow is entered already. It is 6 bytes long, which is what an
// entry has to spare. The zero Mark is that of a flow that no one has noted yet.
type Mark struct {
	Generation uint16    // of what is written; 0 for none
	slot       [2]uint16 // not a uint32, which would make it 8 bytes
}

// Slot returns the number of the flow's place. It is valid for the generation only.
func (m Mark) Slot() uint32 { return uint32(m.slot[0]) | uint32(m.slot[1])<<16 }

// MarkOf returns the Mark of a place in a generation, which must not be 0.
func MarkOf(generation uint16, slot uint32) Mark {
	return Mark{Generation: generation, slot: [2]uint16{uint16(slot), uint16(slot >> 16)}}
}
