package hello

import (
	"encoding/binary"

	"github.com/qubesbeat/qubesbeat/internal/clienthello"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/reassembly"
)

// reading is a ClientHello that is not complete yet.
type reading struct {
	begun  int64       // packet time
	sender packet.Addr // the client
	port   uint16      // of the client
	tcp    clienthello.TCP
	quic   clienthello.QUIC
	stream reassembly.Stream
	status clienthello.Status
}

var _ reassembly.Handler = (*reading)(nil) // type check

// Data implements [reassembly.Handler].
func (r *reading) Data(s *reassembly.Segment) {
	if r.status == clienthello.More && len(s.Data) > 0 {
		r.status = r.tcp.Feed(s.Data)
	}
}

// Gap implements [reassembly.Handler]. A ClientHello with a gap cannot be read.
func (r *reading) Gap(int) { r.status = clienthello.GaveUp }

// openFor is how long a ClientHello may take, in nanoseconds of packet time.
const openFor = int64(10e9)

// Packet takes a packet that was decoded from frame. It keeps nothing of frame and
// does not allocate for a packet that is no part of a ClientHello.
func (t *Table) Packet(p *packet.Packet, frame []byte) {
	switch p.Proto {
	case packet.ProtoTCP:
		t.tcp(p, frame)
	case packet.ProtoUDP:
		t.udp(p, frame)
	}
}

// Close ends the observation of packets and discards incomplete ClientHellos. What
// is known stays known.
func (t *Table) Close() {
	clear(t.open)
	t.held = [256]int{}
}

// tcp takes a segment. Fragments, which TCP avoids, are ignored.
func (t *Table) tcp(p *packet.Packet, frame []byte) {
	if p.Fragment != packet.FragmentNone {
		return
	}
	payload, ok := p.Payload(frame)
	if !ok || len(payload) == 0 {
		return
	}
	begins := clienthello.IsTLSClient(payload)
	if !begins && len(t.open) == 0 {
		return
	}
	r, k := t.reading(p, begins)
	if r == nil {
		return
	}
	seg := reassembly.Segment{Time: p.Time, Seq: binary.BigEndian.Uint32(p.Transport(frame)[4:]), Data: payload,
		SYN: p.TCPFlags&packet.SYN != 0}
	if next, known := r.stream.Next(); known && seg.Seq != next && !seg.SYN {
		seg.Data = append([]byte(nil), payload...) // it may have to wait, and the frame is reused
	}
	r.stream.Add(seg, r)
	t.finish(k, r, p.Time, r.tcp.Hello)
}

// udp takes a datagram. Fragments, which QUIC forbids (RFC 9000 section 14), are
// ignored.
func (t *Table) udp(p *packet.Packet, frame []byte) {
	if p.Fragment != packet.FragmentNone {
		return
	}
	payload, ok := p.Payload(frame)
	if !ok || !clienthello.IsQUICInitial(payload) {
		return
	}
	r, k := t.reading(p, true)
	if r == nil {
		return
	}
	r.status = r.quic.Feed(payload)
	t.finish(k, r, p.Time, r.quic.Hello)
}

// reading returns the ClientHello that a packet belongs to, a new one if the
// packet begins one. It returns nil for the packets of a server, for a
// conversation whose ClientHello has been read, and if there are too many.
func (t *Table) reading(p *packet.Packet, begins bool) (*reading, key) {
	k := newKey(p.Iface, p.Proto, p.Family, &p.Src, &p.Dst, p.SrcPort, p.DstPort)
	r := t.open[k]
	if r != nil && r.late(p.Time) {
		t.drop(k)
		t.fail()
		r = nil
	}
	if r != nil {
		if r.sender != p.Src || r.port != p.SrcPort {
			return nil, k
		}
		return r, k
	}
	if !begins || t.has(k, p.Time) {
		return nil, k
	}
	if !t.admit(p) {
		t.skip()
		return nil, k
	}
	return &reading{begun: p.Time, sender: p.Src, port: p.SrcPort}, k
}

// late reports whether the rest of a ClientHello is not expected any more.
func (r *reading) late(now int64) bool { return now-r.begun > openFor || now < r.begun }

// has reports whether the ClientHello of a QUIC conversation has just been read:
// its client sends further Initials, and so does its server. For TCP the sequence
// numbers decide, and a second ClientHello is that of a new connection.
func (t *Table) has(k key, now int64) bool {
	if k.proto != packet.ProtoUDP {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	list := t.known[k]
	return len(list) > 0 && now-list[len(list)-1].at < openFor
}

// admit reports whether the interface may begin another ClientHello this second.
func (t *Table) admit(p *packet.Packet) bool {
	r := &t.rates[p.Iface&255]
	if second := p.Time / 1e9; r.second != second {
		r.second, r.n = second, 0
	}
	r.n++
	return r.n <= maxSecond
}

// finish adds a ClientHello that is complete and drops one that cannot be read.
// Most are complete with their first packet; the others wait, if there is room.
func (t *Table) finish(k key, r *reading, now int64, hello func() clienthello.Hello) {
	waits := t.open[k] != nil
	switch {
	case r.status == clienthello.Done:
		t.add(k, now, hello())
	case r.status == clienthello.GaveUp:
		t.fail()
	case waits:
		return
	case t.makeRoom(k.iface, now):
		t.open[k] = r
		t.held[k.iface&255]++
		return
	default:
		t.skip()
	}
	if waits {
		t.drop(k)
	}
}

// makeRoom drops incomplete ClientHellos that are late and reports whether there
// is room for another. An interface may have no more of them than it leaves free,
// so that those of one qube do not keep out those of others.
func (t *Table) makeRoom(iface uint32, now int64) bool {
	fits := func() bool { return t.held[iface&255] < maxOpen-len(t.open) }
	if fits() {
		return true
	}
	for k, r := range t.open {
		if r.late(now) {
			t.drop(k)
			t.fail()
		}
	}
	return fits()
}

// drop removes an incomplete ClientHello.
func (t *Table) drop(k key) {
	delete(t.open, k)
	t.held[k.iface&255]--
}
