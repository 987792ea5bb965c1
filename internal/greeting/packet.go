package greeting

import (
	"encoding/binary"

	"github.com/qubesbeat/qubesbeat/internal/clienthello"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/reassembly"
)

// reading is a greeting that is not whole yet.
type reading struct {
	begun  int64
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

// Gap implements [reassembly.Handler]: what is missing cannot be read.
func (r *reading) Gap(int) { r.status = clienthello.GaveUp }

// openFor is how long a greeting may take, in packet time.
const openFor = int64(10e9)

// Packet looks at a packet. It keeps nothing of the frame and does not allocate
// for a packet that belongs to no greeting.
func (b *Book) Packet(p *packet.Packet, frame []byte) {
	switch p.Proto {
	case packet.ProtoTCP:
		b.tcp(p, frame)
	case packet.ProtoUDP:
		b.udp(p, frame)
	}
}

// Close implements the end of a tap. What is half read stays unread.
func (b *Book) Close() {
	clear(b.open)
	b.held = [256]int{}
}

func (b *Book) tcp(p *packet.Packet, frame []byte) {
	if p.Fragment != packet.FragmentNone {
		return
	}
	payload, ok := p.Payload(frame)
	if !ok || len(payload) == 0 {
		return
	}
	begins := clienthello.IsTLSClient(payload)
	if !begins && len(b.open) == 0 {
		return
	}
	r, k := b.reading(p, begins)
	if r == nil {
		return
	}
	seg := reassembly.Segment{Time: p.Time, Seq: binary.BigEndian.Uint32(p.Transport(frame)[4:]), Data: payload, SYN: p.TCPFlags&packet.SYN != 0}
	if next, known := r.stream.Next(); known && seg.Seq != next && !seg.SYN {
		seg.Data = append([]byte(nil), payload...) // it may have to wait
	}
	r.stream.Add(seg, r)
	b.settle(k, r, p.Time, r.tcp.Hello)
}

func (b *Book) udp(p *packet.Packet, frame []byte) {
	if p.Fragment != packet.FragmentNone {
		return
	}
	payload, ok := p.Payload(frame)
	if !ok || !clienthello.IsQUICInitial(payload) {
		return
	}
	r, k := b.reading(p, true)
	if r == nil {
		return
	}
	r.status = r.quic.Feed(payload)
	b.settle(k, r, p.Time, r.quic.Hello)
}

// reading returns the greeting that a packet belongs to. begins tells that it
// may begin one. It is nil for the packets of a server, and where a greeting was
// read already.
func (b *Book) reading(p *packet.Packet, begins bool) (*reading, key) {
	k := newKey(p.Iface, p.Proto, p.Family, &p.Src, &p.Dst, p.SrcPort, p.DstPort)
	r := b.open[k]
	if r != nil && r.late(p.Time) {
		b.drop(k)
		b.fail()
		r = nil
	}
	if r != nil {
		if r.sender != p.Src || r.port != p.SrcPort {
			return nil, k
		}
		return r, k
	}
	if !begins || b.has(k, p.Time) {
		return nil, k
	}
	if !b.admit(p) {
		b.skip()
		return nil, k
	}
	return &reading{begun: p.Time, sender: p.Src, port: p.SrcPort}, k
}

// late tells that the rest of a greeting will not come any more.
func (r *reading) late(now int64) bool { return now-r.begun > openFor || now < r.begun }

// has reports whether a QUIC conversation has just been read: its client sends
// further Initials, and so does its server. TCP goes by its sequence numbers, and
// a connection that says hello twice is a new one.
func (b *Book) has(k key, now int64) bool {
	if k.proto != packet.ProtoUDP {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	list := b.known[k]
	return len(list) > 0 && now-list[len(list)-1].at < openFor
}

// admit holds the bound of what is begun in a second.
func (b *Book) admit(p *packet.Packet) bool {
	r := &b.rates[p.Iface&255]
	if second := p.Time / 1e9; r.second != second {
		r.second, r.n = second, 0
	}
	r.n++
	return r.n <= maxSecond
}

// settle looks whether a greeting is whole. Most are with their first packet; the
// others wait, as many as there is room for.
func (b *Book) settle(k key, r *reading, now int64, hello func() clienthello.Hello) {
	waits := b.open[k] != nil
	switch {
	case r.status == clienthello.Done:
		b.note(k, now, hello())
	case r.status == clienthello.GaveUp:
		b.fail()
	case waits:
		return
	case b.room(k.iface, now):
		b.open[k] = r
		b.held[k.iface&255]++
		return
	default:
		b.skip()
	}
	if waits {
		b.drop(k)
	}
}

// room makes room for a greeting that is not whole. An interface may have no more
// of them than it leaves free: half greetings of one qube must not keep out those
// of others.
func (b *Book) room(iface uint32, now int64) bool {
	fits := func() bool { return b.held[iface&255] < maxOpen-len(b.open) }
	if fits() {
		return true
	}
	for k, r := range b.open {
		if r.late(now) {
			b.drop(k)
			b.fail()
		}
	}
	return fits()
}

func (b *Book) drop(k key) {
	delete(b.open, k)
	b.held[k.iface&255]--
}
