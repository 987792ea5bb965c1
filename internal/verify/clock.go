package verify

import (
	"time"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// State is what a tunnel does, as far as its packets show.
type State uint8

// The states of a tunnel.
const (
	TunnelNone   State = iota // no tunnel is expected
	TunnelBoot                // no endpoint has answered since the vif is there
	TunnelUp                  // the endpoint has answered what was sent, or nothing was sent
	TunnelSilent              // no answer for 15 s
	TunnelDown                // no answer to three handshakes, or for 180 s, or the connection was closed
)

// String returns the state as events spell it, "" for TunnelNone.
func (s State) String() string {
	names := [...]string{"", "boot", "up", "silent", "down"}
	if int(s) < len(names) {
		return names[s]
	}
	return ""
}

// Times of WireGuard (boringtun, noise/timers.rs): a peer that has sent and has had no
// answer for KEEPALIVE + REKEY_TIMEOUT makes a new handshake, and gives a session up after
// REJECT_AFTER.
const (
	silentAfter    = int64(15 * time.Second)
	downAfter      = int64(180 * time.Second)
	downHandshakes = 3
)

// Tunnel is the state of the tunnel of a qube.
type Tunnel struct {
	State    State
	Protocol Protocol // as recognised, ProtocolAny if not
	// LastSent and LastAnswer are packet times in nanoseconds since the Unix epoch.
	LastSent, LastAnswer int64
	// Outages are how often the tunnel was silent or down, and Down for how long together,
	// in nanoseconds.
	Outages uint64
	Down    int64
}

// clock follows a tunnel. Its times are the verifier's own.
type clock struct {
	Tunnel
	unanswered int64      // time of the first packet since the last answer, 0 for none
	answered   int64      // time of the last answer, 0 for none
	handshakes int        // since the last answer
	closed     bool       // TCP: FIN or RST
	carrier    connection // TCP: that of the tunnel
	opened     opening    // TCP: the last one
	out        int64      // since when the tunnel is silent or down, 0 if it is not
}

// sent notes a packet to the endpoint. waits says that it needs an answer.
func (c *clock) sent(at, now int64, handshake, waits bool) {
	c.LastSent = at
	if c.unanswered == 0 && waits {
		c.unanswered = now
	}
	if handshake {
		c.handshakes++
		c.closed = false
	}
}

// connection is one of TCP to an endpoint.
type connection struct {
	addr      packet.Addr
	own, port uint16
}

// opening is a connection, and where the first thing that it says is.
type opening struct {
	connection
	next uint32 // sequence number
}

// begins reports whether a segment is the first that a connection says, and has as much as a length and an opcode.
func (o *opening) begins(p *packet.Packet, frame, payload []byte) bool {
	return o.connection == connection{p.Dst, p.SrcPort, p.DstPort} && sequence(p, frame) == o.next && len(payload) > 2
}

// segment notes a segment of TCP to an endpoint. data says that it has a packet of the tunnel: then its
// connection is the one that carries it. Until one has, or if that has ended, it is the one that begins.
func (c *clock) segment(p *packet.Packet, begins, data bool) {
	of := connection{p.Dst, p.SrcPort, p.DstPort}
	if begins {
		c.opened = opening{of, p.SYNSeq + 1}
	}
	if data || begins && (c.closed || c.carrier == (connection{})) {
		if of != c.carrier {
			c.carrier, c.closed = of, false
		}
	}
	if of == c.carrier && p.TCPFlags&(packet.FIN|packet.RST) != 0 {
		c.closed = true
	}
}

// answer notes a packet from the endpoint.
func (c *clock) answer(at, now int64) {
	c.LastAnswer, c.answered = at, now
	c.unanswered, c.handshakes = 0, 0
}

// update sets the state as of now. What was sent before the machine woke waits from then on.
func (c *clock) update(now, woke int64) {
	if c.unanswered != 0 {
		c.unanswered = max(c.unanswered, woke)
	}
	c.State = c.stateAt(now)
	isOut := c.State == TunnelSilent || c.State == TunnelDown
	switch {
	case isOut && c.out == 0:
		c.out = now
		c.Outages++
	case !isOut && c.out != 0:
		c.Down += now - c.out
		c.out = 0
	}
}

func (c *clock) stateAt(now int64) State {
	waiting := int64(0)
	if c.unanswered != 0 {
		waiting = now - c.unanswered
	}
	switch {
	case c.answered == 0:
		return TunnelBoot
	case c.closed, c.handshakes >= downHandshakes, waiting >= downAfter:
		return TunnelDown
	case waiting >= silentAfter:
		return TunnelSilent
	}
	return TunnelUp
}
