package feed

import (
	"encoding/binary"
	"sync"
	"sync/atomic"

	"github.com/qubesbeat/qubesbeat/internal/defrag"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// Stats counts what a feed has not queued.
type Stats struct {
	Malformed uint64 // truncated or malformed transport headers
	Fragments defrag.Stats
}

// Feed copies selected packets into a queue. Packet is for one goroutine; Stats may
// be called from any.
type Feed struct {
	ports     *Ports
	queue     *Queue
	fragments defrag.Table // belongs to Packet
	malformed atomic.Uint64

	mu    sync.Mutex
	stats defrag.Stats // guarded by mu
}

// New returns a feed for the packets that ports selects. Neither argument may be
// nil.
func New(ports *Ports, queue *Queue) *Feed { return &Feed{ports: ports, queue: queue} }

// Packet observes a packet that was decoded from frame. It allocates only for
// what it copies.
func (f *Feed) Packet(p *packet.Packet, frame []byte) {
	switch {
	case p.Fragment != packet.FragmentNone:
		f.addFragment(p, frame)
	case f.ports.Has(p):
		f.push(p, p.Transport(frame))
	}
}

// addFragment stores a fragment and queues its datagram once it is complete. Only
// the first fragment has the ports, and it need not come first.
func (f *Feed) addFragment(p *packet.Packet, frame []byte) {
	if !f.ports.hasProto(p.Proto) {
		return
	}
	datagram := f.fragments.Add(p, p.Transport(frame))
	f.mu.Lock()
	f.stats = f.fragments.Stats()
	f.mu.Unlock()
	if len(datagram) < 4 {
		return
	}
	k := *p
	if !p.IsICMP() {
		k.SrcPort, k.DstPort = binary.BigEndian.Uint16(datagram), binary.BigEndian.Uint16(datagram[2:])
	}
	if p.Proto == packet.ProtoTCP && len(datagram) >= 14 {
		k.TCPFlags = datagram[13]
	}
	if f.ports.Has(&k) {
		f.push(&k, datagram)
	}
}

// push queues a copy of a packet. transport begins with its transport header.
func (f *Feed) push(p *packet.Packet, transport []byte) {
	c := Packet{Time: p.Time, Iface: p.Iface, Direction: p.Direction, Family: p.Family, Proto: p.Proto,
		Flags: p.TCPFlags, Src: p.Src, Dst: p.Dst, SrcPort: p.SrcPort, DstPort: p.DstPort}
	payload, ok := c.readTransport(transport)
	if !ok {
		f.malformed.Add(1)
		return
	}
	if len(payload) > 0 {
		c.Payload = append(make([]byte, 0, len(payload)), payload...)
	}
	f.queue.Push(&c)
}

// Close closes the queue.
func (f *Feed) Close() { f.queue.Close() }

// Stats returns the counters.
func (f *Feed) Stats() Stats {
	f.mu.Lock()
	defer f.mu.Unlock()
	return Stats{f.malformed.Load(), f.stats}
}
