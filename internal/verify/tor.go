package verify

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/clienthello"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/tunnelmark"
)

// torState is what is known of a qube that uses Tor. Its size is fixed.
type torState struct {
	hellos  [16]torHello
	next    int
	names   uint64 // ClientHellos with a name as Tor makes them up
	cells   uint64 // payloads with the size of cells
	missing bool   // a packet went to an address that is in no list
	peers   [64]torPeer
	inUse   int
	crowded int64 // own time at which there was no room for a destination, 0 for never
	absent  uint64
}

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

// refused notes a reset that answers the SYN of a connection: nothing has to come there any more.
func (t *torState) refused(p *packet.Packet, frame []byte) {
	ports := uint32(p.DstPort)<<16 | uint32(p.SrcPort)
	b := p.Transport(frame)
	for i := range t.hellos {
		if h := &t.hellos[i]; h.open && h.dst == p.Src && h.ports == ports && len(b) >= 12 && binary.BigEndian.Uint32(b[8:]) == h.next {
			h.refused = true
		}
	}
}

// torPeer is a destination.
type torPeer struct {
	addr  packet.Addr
	port  uint16
	at    int64 // own time of the last packet
	bytes uint64
	since int64 // packet time of the first packet while no list has it, 0 for none
}

// Limits of Tor's checks.
const (
	relayGrace  = int64(24 * time.Hour)     // how long a destination may be newer than the list
	relaysOld   = int64(7 * 24 * time.Hour) // from when on a list is too old
	fewPeers    = 12
	peerFor     = int64(7 * 24 * time.Hour)
	minTorCells = 2
	minTorHello = 7 // bytes, by which a ClientHello differs from what is encrypted
)

// tor judges a packet of a qube that is to use Tor only.
func (v *Verifier) tor(s *subject, c class, p *packet.Packet, frame []byte) {
	switch {
	case c == classNoise, c == classICMPError && v.torError(s, p):
		v.stats.NotJudged++
	case isDNS(p) && c != classEndpoint && !s.expect.relay(p):
		v.torDNS(s, p, frame)
	case c == classLocal && p.IsICMP():
		v.stats.NotJudged++
	case c == classEndpoint: // a bridge
		v.stats.Own++
		s.records[TOR1].agrees(p, v.now)
	case p.Proto != packet.ProtoTCP:
		v.torOther(s, c, p, frame)
	case p.Fragment == packet.FragmentLater:
		s.missed(setOf(TOR4), v.now) // what it says cannot be read
		v.stats.NotJudged++
	case (c == classLAN || c == classQube) && !s.expect.relay(p):
		v.torNear(s, c, p, frame)
	default:
		v.agree(s, TOR1, p)
		peer := v.torPeer(s, p)
		v.torShape(s, p, frame)
		v.torRelay(s, peer, p, frame)
	}
}

// torOther judges what is not of TCP.
func (v *Verifier) torOther(s *subject, c class, p *packet.Packet, frame []byte) {
	if p.IsICMP() && s.mayBeItself(c, p) {
		v.await(setOf(TOR1))
		return
	}
	v.against(s, setOf(TOR1), p, frame, "")
}

// torNear judges a connection to a private address, where no relay is that others can reach: there is
// nothing to wait for, with and without a list.
func (v *Verifier) torNear(s *subject, c class, p *packet.Packet, frame []byte) {
	if c == classLAN && s.expect.Own&OwnLAN != 0 {
		v.stats.Own++
		return
	}
	v.against(s, setOf(TOR3), p, frame, "")
}

// torError reports whether an ICMP error is about a connection of Tor's: it goes to a
// destination that the qube has.
func (v *Verifier) torError(s *subject, p *packet.Packet) bool {
	return v.conf.World.Local(p.Dst.Netip(p.Family)) || s.tor.hasAddr(p.Dst)
}

func (t *torState) hasAddr(a packet.Addr) bool {
	for i := range t.inUse {
		if t.peers[i].addr == a {
			return true
		}
	}
	return false
}

// torDNS judges DNS, which Tor's gateway has no use for.
func (v *Verifier) torDNS(s *subject, p *packet.Packet, frame []byte) {
	name := queryName(p, frame)
	if name != "" && s.expect.hasName(name) {
		v.stats.Own++
		return
	}
	which := setOf(TOR2, DNS3)
	if p.Proto != packet.ProtoTCP {
		which |= setOf(TOR1)
	}
	v.against(s, which, p, frame, name)
}

// torPeer notes the destination. Without room, that of the longest ago has to go.
func (v *Verifier) torPeer(s *subject, p *packet.Packet) *torPeer {
	t := &s.tor
	oldest := &t.peers[0]
	for i := range t.inUse {
		one := &t.peers[i]
		if one.addr == p.Dst && one.port == p.DstPort {
			one.at = v.now
			one.bytes += uint64(p.Length)
			return one
		}
		if one.at < oldest.at {
			oldest = one
		}
	}
	one := oldest
	switch {
	case t.inUse < len(t.peers):
		one = &t.peers[t.inUse]
		t.inUse++
	case v.now-one.at <= peerFor:
		t.crowded = max(v.now, 1)
	}
	*one = torPeer{addr: p.Dst, port: p.DstPort, at: v.now, bytes: uint64(p.Length)}
	return one
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

// torRelay looks the destination up. One that is in no list has time to come into the next.
func (v *Verifier) torRelay(s *subject, peer *torPeer, p *packet.Packet, frame []byte) {
	r := s.expect.Relays
	if r == nil {
		return
	}
	if s.expect.relay(p) {
		s.records[TOR3].agrees(p, v.now)
		return
	}
	t := &s.tor
	t.absent++
	t.missing = true
	switch {
	case peer.since == 0:
		peer.since = p.Time
	case p.Time-peer.since >= relayGrace && p.Time-r.ValidAfter.UnixNano() < relaysOld:
		v.record(s, TOR3, p, frame, "")
	}
}

// relay reports whether a packet goes to a relay of the list.
func (x *Expectation) relay(p *packet.Packet) bool {
	return x.Relays != nil && p.Proto == packet.ProtoTCP && x.Relays.Has(netip.AddrPortFrom(p.Dst.Netip(p.Family), p.DstPort))
}

// many reports whether there were more destinations in seven days than there is room for.
func (t *torState) many(now int64) bool { return t.crowded != 0 && now-t.crowded <= peerFor }

// used returns how many destinations there are, and which share of the bytes goes to the
// three with most, in per cent.
func (t *torState) used(now int64) (n int, share uint64) {
	var sum uint64
	var top [3]uint64
	for i := range t.inUse {
		one := &t.peers[i]
		if now-one.at > peerFor {
			continue
		}
		n++
		sum += one.bytes
		b := one.bytes
		for j := range top {
			if b > top[j] {
				top[j], b = b, top[j]
			}
		}
	}
	if sum == 0 {
		return n, 0
	}
	return n, (top[0] + top[1] + top[2]) * 100 / sum
}
