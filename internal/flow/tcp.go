package flow

import (
	"strconv"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// tcpState is the state of a connection as far as its flags show it. Sequence
// numbers are not followed: an observer that may miss packets gains little from
// them, and they would cost 16 bytes per flow.
type tcpState struct {
	flags    [2]uint8 // by side: all flags sent, or-ed
	synCount uint8    // SYNs without ACK, retransmissions included, saturating at 255
	rstCount uint8    // saturating at 255
}

// observe records the flags of a packet that side has sent.
func (t *tcpState) observe(side int, flags uint8) {
	t.flags[side] |= flags
	if flags&(packet.SYN|packet.ACK) == packet.SYN && t.synCount < 255 {
		t.synCount++
	}
	if flags&packet.RST != 0 && t.rstCount < 255 {
		t.rstCount++
	}
}

// closed reports whether the connection is over: reset, or FIN from both sides.
func (t *tcpState) closed() bool {
	return t.rstCount > 0 || t.flags[initiator]&t.flags[responder]&packet.FIN != 0
}

// answered reports whether the responder has accepted the connection.
func (t *tcpState) answered() bool {
	return t.flags[responder]&packet.ACK != 0 && t.flags[initiator]&packet.ACK != 0
}

// State is what is known of a TCP connection when it is reported.
type State uint8

// The states of a TCP connection, as an observer sees them.
const (
	StateNone        State = iota // not TCP
	StateSynSent                  // SYN without answer
	StateRefused                  // SYN answered by a reset
	StateEstablished              // handshake seen, still open
	StateMidstream                // no handshake seen, still open
	StateHalfClosed               // one side has sent FIN
	StateClosed                   // both sides have sent FIN
	StateReset                    // reset after it was open, or by the initiator
)

// String returns the name of the state as events spell it, "" for StateNone and
// "state N" for an unknown one.
func (s State) String() string {
	names := [...]string{"", "syn_sent", "refused", "established", "midstream",
		"half_closed", "closed", "reset"}
	if int(s) < len(names) {
		return names[s]
	}
	return "state " + strconv.Itoa(int(s))
}

// state derives the state from the flags.
func (t *tcpState) state() State {
	syn := t.flags[initiator]&packet.SYN != 0
	both := t.flags[initiator] | t.flags[responder]
	switch {
	case t.rstCount > 0 && syn && t.flags[responder]&packet.SYN == 0 && t.flags[responder]&packet.RST != 0:
		return StateRefused
	case t.rstCount > 0:
		return StateReset
	case t.closed():
		return StateClosed
	case both&packet.FIN != 0:
		return StateHalfClosed
	case syn && t.flags[responder] == 0:
		return StateSynSent
	case both&packet.SYN != 0:
		return StateEstablished
	}
	return StateMidstream
}
