package flow

import "github.com/qubesbeat/qubesbeat/internal/packet"

// Ref refers to the flow of a packet. The zero Ref refers to none.
type Ref struct {
	entry *entry
	way   Way
}

// Way is which way a packet went: its direction at the interface, twice, and one more if it went
// back. The two directions of a flow differ in the latter, whichever side is the initiator. Fragments and
// packets in a tunnel, of which those of one flow need not be alike, have Ways.
type Way uint8

// Ways is the number of ways of packets that are no fragment and in no tunnel.
const Ways Way = 8

// wayOf returns the way of a packet that is no fragment and in no tunnel.
func wayOf(p *packet.Packet, swapped bool) Way {
	back := Way(0)
	if swapped {
		back = 1
	}
	return Way(p.Direction&3)<<1 | back
}

// Back reports whether the packet went back.
func (w Way) Back() bool { return w&1 != 0 }

// Direction returns the direction at the interface.
func (w Way) Direction() packet.Direction { return packet.Direction(w >> 1 & 3) }

// Way returns which way the packet went, and Ways for the zero Ref.
func (r Ref) Way() Way {
	if r.entry == nil {
		return Ways
	}
	return r.way
}

// Note returns the note on the flow, which the caller may change, and nil for the zero Ref and
// for packets that are fragments or in a tunnel. It is
// 0 when the flow begins and is kept as long as the flow lives.
func (r Ref) Note() *Note {
	if r.way >= Ways || r.entry == nil {
		return nil
	}
	return &r.entry.note
}

// Established reports whether the flow is a connection of TCP whose handshake was seen, and that is open.
// It is false for the zero Ref.
func (r Ref) Established() bool {
	return r.entry != nil && r.entry.key.Proto == packet.ProtoTCP && r.entry.tcp.synCount > 0 && r.entry.tcp.state() == StateEstablished
}

// Read returns the note on the flow and which way the packet went: for the zero Ref 0 and Ways.
func (r Ref) Read() (Note, Way) {
	if r.entry == nil {
		return 0, Ways
	}
	return r.entry.note, r.way
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
