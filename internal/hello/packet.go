package hello

import (
	"encoding/binary"

	"github.com/qubesbeat/qubesbeat/internal/clienthello"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/reassembly"
)

// reading is a ClientHello that is not complete yet.
type reading struct {
	key    key
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

// Kinds returns the kinds of packets that may be parts of ClientHellos now.
func (t *Table) Kinds() packet.Kinds {
	if len(t.open) > 0 {
		return packet.Segment | packet.LongHeader
	}
	return packet.Handshake | packet.LongHeader
}

// Close ends the observation of packets and discards incomplete ClientHellos. What
// is known stays known.
func (t *Table) Close() {
	for k := range t.open {
		t.drop(k)
	}
}

// Reading reports whether the rest of a ClientHello may come in the conversation of p. Like
// Packet, it is not safe for concurrent use.
func (t *Table) Reading(p *packet.Packet) bool {
	if len(t.open) == 0 {
		return false
	}
	return t.open[newKey(p.Iface, p.Proto, p.Family, &p.Src, &p.Dst, p.SrcPort, p.DstPort)] != nil
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
	r := t.reading(p, begins, tlsWork, len(payload))
	if r == nil {
		return
	}
	seg := reassembly.Segment{Time: p.Time, Seq: binary.BigEndian.Uint32(p.Transport(frame)[4:]), Data: payload,
		SYN: p.TCPFlags&packet.SYN != 0}
	if next, known := r.stream.Next(); known && seg.Seq != next && !seg.SYN {
		seg.Data = append([]byte(nil), payload...) // it may have to wait, and the frame is reused
	}
	r.stream.Add(seg, r)
	t.finish(r, p.Time, r.tcp.Hello)
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
	r := t.reading(p, true, quicWork, len(payload))
	if r == nil {
		return
	}
	r.status = r.quic.Feed(payload)
	t.finish(r, p.Time, r.quic.Hello)
}

// reading returns the ClientHello that a packet belongs to, a new one if the
// packet begins one. It returns nil for the packets of a server, for a
// conversation whose ClientHello has been read, and if the interface has had its share
// of time. work is what the packet costs in addition to its size in bytes.
func (t *Table) reading(p *packet.Packet, begins bool, work, size int) *reading {
	k := newKey(p.Iface, p.Proto, p.Family, &p.Src, &p.Dst, p.SrcPort, p.DstPort)
	var r *reading
	if i := t.open[k]; i != nil {
		if r = i.Value; r.late(p.Time) {
			t.drop(k)
			t.fail()
			r = nil
		}
	}
	switch {
	case r != nil && (r.sender != p.Src || r.port != p.SrcPort):
		return nil
	case r == nil && (!begins || t.has(k, p.Time)):
		return nil
	case !t.admit(p, r == nil, float64(work)+workPerByte*float64(size)):
		t.skip()
		if r != nil {
			t.drop(k)
		}
		return nil
	case r == nil:
		return &reading{key: k, begun: p.Time, sender: p.Src, port: p.SrcPort}
	}
	return r
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
	last := t.known[k]
	for last != nil && last.Value.later != nil {
		last = last.Value.later
	}
	return last != nil && now-last.Value.at < openFor
}

// admit reports whether the interface may still read a payload that takes some time,
// and begin another ClientHello with it.
func (t *Table) admit(p *packet.Packet, begins bool, work float64) bool {
	return (!begins || t.begun.Take(p.Iface, 1, p.Time)) && t.work.Take(p.Iface, work, p.Time)
}

// finish adds a ClientHello that is complete and drops one that cannot be read.
// Most are complete with their first packet; the others wait.
func (t *Table) finish(r *reading, now int64, hello func() clienthello.Hello) {
	i := t.open[r.key]
	switch {
	case r.status == clienthello.Done:
		t.add(r.key, now, hello())
	case r.status == clienthello.GaveUp:
		t.fail()
	case i == nil:
		t.wait(r, now)
		return
	case t.openShare.Resize(i, r.size()):
		return
	default:
		t.skip()
	}
	if i != nil {
		t.drop(r.key)
	}
}

// maxLate is how many late ClientHellos are dropped at once: more than come, and few
// enough that no packet has to wait for it.
const maxLate = 8

// wait keeps an incomplete ClientHello. Those of the interface that are late make room
// first, and then the oldest.
func (t *Table) wait(r *reading, now int64) {
	iface := r.key.iface
	for range maxLate {
		i := t.openShare.Oldest(iface)
		if i == nil || !i.Value.late(now) {
			break
		}
		t.drop(i.Value.key)
		t.fail()
	}
	if i := t.openShare.Add(iface, r.size(), r); i != nil {
		t.open[r.key] = i
		return
	}
	t.skip()
}

// size returns how many bytes an incomplete ClientHello takes.
func (r *reading) size() int {
	n := openSize + r.tcp.Size() + r.quic.Size() + r.stream.Held()
	if r.key.proto == packet.ProtoUDP {
		n += quicSize
	}
	return n
}

// drop removes an incomplete ClientHello.
func (t *Table) drop(k key) {
	t.openShare.Remove(t.open[k])
	delete(t.open, k)
}
