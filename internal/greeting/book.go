package greeting

import (
	"sync"

	"github.com/qubesbeat/qubesbeat/internal/clienthello"
	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// The bounds of a book.
const (
	// maxGreetings is how many flows may have one; about 25 MiB of names at the
	// worst, 8 MiB with usual ones.
	maxGreetings = 32768
	// maxOpen is how many may be half read.
	maxOpen = 512
	// maxSecond is how many are begun in a second of packet time for each
	// interface: a tenth of a core's time, if all were QUIC.
	maxSecond = 8192
)

// Stats counts what a book has read.
type Stats struct {
	Read    uint64 // greetings
	Failed  uint64 // what looked like one and was none
	Skipped uint64 // not read: too many at once
	Evicted uint64 // forgotten before their flow had ended
	Known   uint64 // now
}

// Book remembers greetings until their flow has ended. Packet and Close are for
// the meter's goroutine; Take and Stats may be called from any.
type Book struct {
	open  map[key]*reading // belongs to Packet
	held  [256]int         // of open, by the lowest bits of the interface
	rates [256]rate        // by the lowest bits of the interface; belongs to Packet

	mu    sync.Mutex
	known map[key][]greeting
	count int
	stats Stats
}

type greeting struct {
	at    int64 // packet time
	hello clienthello.Hello
}

// rate counts what has begun in one second.
type rate struct {
	second int64
	n      int
}

// New returns an empty book.
func New() *Book {
	return &Book{open: map[key]*reading{}, known: map[key][]greeting{}}
}

// key is a conversation at an observation point, the same for both directions.
type key struct {
	a, b         packet.Addr
	iface        uint32
	aPort, bPort uint16
	proto        uint8
	family       uint8
}

func newKey(iface uint32, proto, family uint8, src, dst *packet.Addr, srcPort, dstPort uint16) key {
	k := key{a: *src, b: *dst, iface: iface, aPort: srcPort, bPort: dstPort, proto: proto, family: family}
	if c := src.Compare(dst); c > 0 || c == 0 && srcPort > dstPort {
		k.a, k.b, k.aPort, k.bPort = k.b, k.a, k.bPort, k.aPort
	}
	return k
}

// Take returns the greeting of the flow that r describes, nil where there is
// none. A record that ends the flow takes it out of the book.
func (b *Book) Take(r *flow.Record) *clienthello.Hello {
	if r.Proto != packet.ProtoTCP && r.Proto != packet.ProtoUDP {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.count == 0 {
		return nil
	}
	k := newKey(r.Iface, r.Proto, r.Family, &r.Source.Addr, &r.Destination.Addr, r.Source.Port, r.Destination.Port)
	var found *clienthello.Hello
	past := 0 // greetings that are not of a later connection on the same ports
	for _, g := range b.known[k] {
		if g.at > r.End {
			break
		}
		if past++; g.at >= r.Born && found == nil {
			found = &g.hello
		}
	}
	if past > 0 && r.Final() && r.Reason != flow.ReasonActive {
		b.forget(k, past)
	}
	return found
}

// forget drops the first n greetings of a conversation.
func (b *Book) forget(k key, n int) {
	list := b.known[k]
	b.count -= n
	if n == len(list) {
		delete(b.known, k)
		return
	}
	b.known[k] = append([]greeting(nil), list[n:]...)
}

// note enters a greeting.
func (b *Book) note(k key, at int64, h clienthello.Hello) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stats.Read++
	if b.count >= maxGreetings {
		for old := range b.known { // any: the order of a map is no order
			b.stats.Evicted += uint64(len(b.known[old]))
			b.forget(old, len(b.known[old]))
			break
		}
	}
	b.known[k] = append(b.known[k], greeting{at, h})
	b.count++
}

// Stats returns the counters.
func (b *Book) Stats() Stats {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.stats
	s.Known = uint64(b.count)
	return s
}

func (b *Book) fail() {
	b.mu.Lock()
	b.stats.Failed++
	b.mu.Unlock()
}

func (b *Book) skip() {
	b.mu.Lock()
	b.stats.Skipped++
	b.mu.Unlock()
}
