package tap

import (
	"sync/atomic"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// Stats counts what a tap has left out of the queue.
type Stats struct {
	Fragments uint64 // pieces of datagrams: analyzers want them whole
	Malformed uint64 // transport headers that were cut or cannot be
}

// Tap copies wanted packets into a queue. Packet is for one goroutine; Stats may
// be called from any.
type Tap struct {
	ports     *Ports
	queue     *Queue
	fragments atomic.Uint64
	malformed atomic.Uint64
}

// New returns a tap for the packets that ports wants. Neither may be nil.
func New(ports *Ports, queue *Queue) *Tap { return &Tap{ports: ports, queue: queue} }

// Packet looks at a packet that was decoded from frame. It allocates only for
// what it copies.
func (t *Tap) Packet(p *packet.Packet, frame []byte) {
	if !t.ports.Wants(p) {
		return
	}
	if p.Fragment != packet.FragmentNone {
		t.fragments.Add(1)
		return
	}
	c := Packet{Time: p.Time, Iface: p.Iface, Direction: p.Direction, Family: p.Family, Proto: p.Proto,
		Flags: p.TCPFlags, Src: p.Src, Dst: p.Dst, SrcPort: p.SrcPort, DstPort: p.DstPort}
	rest, ok := c.payload(p.Transport(frame))
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
func (t *Tap) Stats() Stats { return Stats{t.fragments.Load(), t.malformed.Load()} }
