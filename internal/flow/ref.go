package flow

// Ref refers to the flow of a packet. The zero Ref refers to none.
type Ref struct {
	entry   *entry
	swapped bool // see Note
	whole   bool // the packet is no fragment and in no tunnel
}

// Note returns the note on the flow, which the caller may change, and nil for the zero Ref and
// for packets that are fragments or in a tunnel: those of one flow need not be alike. It is
// 0 when the flow begins and is kept as long as the flow lives. back tells its two directions
// apart, whichever side is the initiator.
func (r Ref) Note() (note *Note, back bool) {
	if !r.whole {
		return nil, false
	}
	return &r.entry.note, r.swapped
}

// Mark returns the mark of the flow, which the caller may change, and nil for the zero Ref. It
// begins without [MarkOpen] and is kept as long as the flow lives, over active timeouts, too.
// It is in a cache line that the metering of a packet does not touch.
func (r Ref) Mark() *Mark {
	if r.entry == nil {
		return nil
	}
	return &r.entry.mark
}

// Describe fills in r with what is known of a flow so far, as an interim record would
// have it. The zero Ref must not be given. It changes nothing, and is meant for the first
// packet of a flow that is noted somewhere, not for each.
func (t *Table) Describe(flow Ref, r *Record) { t.record(flow.entry, r, ReasonNone) }
