package tap

import (
	"encoding/binary"
	"sync"
	"sync/atomic"

	"github.com/qubesbeat/qubesbeat/internal/defrag"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// Stats counts what a tap has left out of the queue.
type Stats struct {
	Malformed uint64 // transport headers that were cut or cannot be
	Fragments defrag.Stats
}

// Tap copies wanted packets into a queue. Packet is for one goroutine; Stats may
// be called from any.
type Tap struct {
	ports     *Ports
	queue     *Queue
	pieces    defrag.Table // belongs to Packet
	malformed atomic.Uint64

	mu        sync.Mutex
	fragments defrag.Stats // guarded by mu
}

// New returns a tap for the packets that ports wants. Neither may be nil.
func New(ports *Ports, queue *Queue) *Tap { return &Tap{ports: ports, queue: queue} }

// Packet looks at a packet that was decoded from frame. It allocates only for
// what it copies.
func (t *Tap) Packet(p *packet.Packet, frame []byte) {
	switch {
	case p.Fragment != packet.FragmentNone:
		t.fragment(p, frame)
	case t.ports.Wants(p):
		t.copy(p, p.Transport(frame))
	}
}

// fragment keeps a piece of a datagram, and takes the datagram when it is whole.
// The ports are known from its beginning, which need not come first.
func (t *Tap) fragment(p *packet.Packet, frame []byte) {
	if !t.ports.mayWant(p.Proto) {
		return
	}
	whole := t.pieces.Add(p, p.Transport(frame))
	t.mu.Lock()
	t.fragments = t.pieces.Stats()
	t.mu.Unlock()
	if len(whole) < 4 {
		return
	}
	k := *p
	if !p.IsICMP() {
		k.SrcPort, k.DstPort = binary.BigEndian.Uint16(whole), binary.BigEndian.Uint16(whole[2:])
	}
	if p.Proto == packet.ProtoTCP && len(whole) >= 14 {
		k.TCPFlags = whole[13]
	}
	if t.ports.Wants(&k) {
		t.copy(&k, whole)
	}
}

// copy queues a copy of a packet. transport begins with its transport header.
func (t *Tap) copy(p *packet.Packet, transport []byte) {
	c := Packet{Time: p.Time, Iface: p.Iface, Direction: p.Direction, Family: p.Family, Proto: p.Proto,
		Flags: p.TCPFlags, Src: p.Src, Dst: p.Dst, SrcPort: p.SrcPort, DstPort: p.DstPort}
	rest, ok := c.payload(transport)
	if !ok {
		t.malformed.Add(1)
		return
	}
	if len(rest) > 0 {
		c.Payload = append(make([]byte, 0, len(rest)), rest...)
	}
	t.queue.Push(&c)
}

// Close ends the queue.
func (t *Tap) Close() { t.queue.Close() }

// Stats returns the counters.
func (t *Tap) Stats() Stats {
	t.mu.Lock()
	defer t.mu.Unlock()
	return Stats{t.malformed.Load(), t.fragments}
}
