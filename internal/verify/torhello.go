package verify

import (
	"bytes"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/clienthello"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/tunnelmark"
)

// torHello is a connection whose ClientHello has not come yet, or not all of it.
type torHello struct {
	dst     packet.Addr
	ports   uint32
	next    uint32 // sequence number of the segment that comes next
	whole   bool   // it is read from its SYN on
	open    bool
	refused bool  // the other end has said that there is no connection
	begun   int64 // own time
	reading clienthello.TCP
}

// pending reports whether the first payload of a connection may still come, and none has: no system
// waits for longer until a connection is open.
func (h *torHello) pending(now int64) bool {
	const opensWithin = int64(2 * time.Minute)
	return h.whole && h.open && !h.refused && now-h.begun < opensWithin
}

// torShape reads the first payload of each connection, and counts what looks like cells. Of a
// connection that has begun before, only what is plainly another protocol counts.
func (v *Verifier) torShape(s *subject, p *packet.Packet, frame []byte) {
	t := &s.tor
	if opens(p) {
		v.torBegins(s, p, p.SYNSeq+1, true)
	}
	payload, ok := p.Payload(frame)
	if !ok || len(payload) == 0 {
		return
	}
	h := t.hello(p)
	switch {
	case h != nil && h.isRead(p, frame, payload): // it comes again
		return
	case h == nil, !opens(p) && h.next != sequence(p, frame):
		h = v.torMiddle(s, h, p, frame, payload)
	}
	if h != nil {
		v.torHello(s, h, p, frame, payload)
		return
	}
	switch {
	case isHTTP(payload) && bytes.Contains(payload, []byte(" HTTP/1.")):
		v.notTor(s, p, frame, "")
	case tunnelmark.TorCells(length(p, frame, payload)):
		if t.cells++; t.names > 0 && t.cells >= minTorCells {
			s.records[TOR4].agrees(p, v.now)
		}
	}
}

// isRead reports whether the payload of a segment was read already.
func (h *torHello) isRead(p *packet.Packet, frame, payload []byte) bool {
	end := sequence(p, frame) + uint32(len(payload)) //nolint:gosec // a segment's
	return !opens(p) && int32(end-h.next) <= 0       //nolint:gosec // wraps as sequence numbers do
}

// torMiddle returns a connection that is read from this payload on if it begins like a ClientHello, nil
// if not. Of one whose beginning was missed, no other can be read.
func (v *Verifier) torMiddle(s *subject, h *torHello, p *packet.Packet, frame, payload []byte) *torHello {
	whole := h != nil && h.whole
	if h != nil {
		*h = torHello{}
	}
	if len(payload) < minTorHello || !clienthello.IsTLSClient(payload) {
		if whole {
			s.missed(setOf(TOR4), v.now)
		}
		return nil
	}
	return v.torBegins(s, p, sequence(p, frame), false)
}

// hello returns the connection of a packet if its ClientHello has not come yet.
func (t *torState) hello(p *packet.Packet) *torHello {
	for i := range t.hellos {
		if h := &t.hellos[i]; h.open && h.dst == p.Dst && h.ports == portsOf(p) {
			return h
		}
	}
	return nil
}

// torBegins waits for the ClientHello of a packet's connection. If there is no room, another one
// has to go.
func (v *Verifier) torBegins(s *subject, p *packet.Packet, next uint32, whole bool) *torHello {
	t := &s.tor
	h := t.hello(p)
	for i := 0; h == nil && i < len(t.hellos); i++ {
		if !t.hellos[i].open {
			h = &t.hellos[i]
		}
	}
	if h == nil {
		h = &t.hellos[t.next]
		t.next = (t.next + 1) % len(t.hellos)
		if h.pending(v.now) {
			s.missed(setOf(TOR4), v.now)
		}
	}
	*h = torHello{dst: p.Dst, ports: portsOf(p), next: next, whole: whole, open: true, begun: v.now}
	return h
}

// torHello reads the first payload of a connection, which has to be a ClientHello of Tor's. It
// may come in segments of any size.
func (v *Verifier) torHello(s *subject, h *torHello, p *packet.Packet, frame, payload []byte) {
	switch h.reading.Feed(payload) {
	case clienthello.More:
		n := length(p, frame, payload)
		if h.next += uint32(n); n == len(payload) { //nolint:gosec // a segment's
			return
		} // the rest of it was not captured
	case clienthello.Done:
		if hello := h.reading.Hello(); speaksTor(&hello) {
			s.tor.names++
		} else {
			v.notTor(s, p, frame, hello.ServerName)
		}
	case clienthello.GaveUp:
		if h.whole {
			v.notTor(s, p, frame, "")
		}
	}
	*h = torHello{}
}

// speaksTor reports whether a ClientHello may be Tor's. Browsers, which also go to names of this
// form, offer a protocol for what is inside; Tor does not.
func speaksTor(h *clienthello.Hello) bool {
	return tunnelmark.TorName(h.ServerName) && len(h.ALPN) == 0 || tunnelmark.TorJA4(h.JA4)
}

// notTor counts a connection that does not speak Tor's protocol. If its destination is in
// no list, either, there is nothing to wait for.
func (v *Verifier) notTor(s *subject, p *packet.Packet, frame []byte, name string) {
	which := setOf(TOR4)
	if s.expect.Relays != nil && !s.expect.relay(p) {
		which |= setOf(TOR3)
	}
	v.stats.Agree-- // it was counted as TCP
	v.against(s, which, p, frame, name)
}
