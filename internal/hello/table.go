package hello

import (
	"sync"

	"github.com/qubesbeat/qubesbeat/internal/clienthello"
	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// The bounds of a table.
const (
	// maxHellos is the number of ClientHellos that are remembered: about 25 MiB
	// of names in the worst case, 8 MiB with usual names.
	maxHellos = 32768
	// maxOpen is the number of incomplete ClientHellos.
	maxOpen = 512
	// maxSecond is the number that is begun in a second of packet time for each
	// interface: a tenth of a core's time, if all are QUIC.
	maxSecond = 8192
)

// Stats counts the ClientHellos of a table.
type Stats struct {
	Read    uint64 // complete
	Failed  uint64 // begun, but malformed or never completed
	Skipped uint64 // not read, because there were too many at once
	Evicted uint64 // forgotten before their flow had ended
	Known   uint64 // remembered now
}

// Table remembers the ClientHello of each flow until the flow has ended. Packet
// and Close may be called from the meter's goroutine only; ForRecord and Stats may
// be called from any.
type Table struct {
	open  map[key]*reading // incomplete ones; belongs to Packet
	held  [256]int         // length of open by the lowest bits of the interface; belongs to Packet
	rates [256]rate        // by the lowest bits of the interface; belongs to Packet

	mu    sync.Mutex
	known map[key][]observed // guarded by mu; in order of their time
	count int                // guarded by mu: of all in known
	stats Stats              // guarded by mu
}

// observed is a ClientHello and when it was complete.
type observed struct {
	at    int64 // packet time
	hello clienthello.Hello
}

// rate counts what is begun in one second.
type rate struct {
	second int64 // of packet time, since the Unix epoch
	n      int
}

// New returns an empty table.
func New() *Table {
	return &Table{open: map[key]*reading{}, known: map[key][]observed{}}
}

// key identifies a conversation at an observation point; it is the same for both
// directions.
type key struct {
	a, b         packet.Addr
	iface        uint32
	aPort, bPort uint16
	proto        uint8
	family       uint8
}

// newKey returns the key of a packet or a flow.
func newKey(iface uint32, proto, family uint8, src, dst *packet.Addr, srcPort, dstPort uint16) key {
	k := key{a: *src, b: *dst, iface: iface, aPort: srcPort, bPort: dstPort, proto: proto, family: family}
	if c := src.Compare(dst); c > 0 || c == 0 && srcPort > dstPort {
		k.a, k.b, k.aPort, k.bPort = k.b, k.a, k.bPort, k.aPort
	}
	return k
}

// ForRecord returns the ClientHello of the flow that r describes, nil if none was
// seen. After a record that ends the flow the table forgets it.
func (t *Table) ForRecord(r *flow.Record) *clienthello.Hello {
	if r.Proto != packet.ProtoTCP && r.Proto != packet.ProtoUDP {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.count == 0 {
		return nil
	}
	k := newKey(r.Iface, r.Proto, r.Family, &r.Source.Addr, &r.Destination.Addr, r.Source.Port, r.Destination.Port)
	var found *clienthello.Hello
	past := 0 // number of ClientHellos that are not of a later connection on the same ports
	for _, g := range t.known[k] {
		if g.at > r.End {
			break
		}
		if past++; g.at >= r.Born && found == nil {
			found = &g.hello
		}
	}
	if past > 0 && r.Final() && r.Reason != flow.ReasonActive {
		t.forget(k, past)
	}
	return found
}

// forget removes the first n ClientHellos of a conversation. It is called with mu
// held.
func (t *Table) forget(k key, n int) {
	list := t.known[k]
	t.count -= n
	if n == len(list) {
		delete(t.known, k)
		return
	}
	t.known[k] = append([]observed(nil), list[n:]...)
}

// add adds a ClientHello.
func (t *Table) add(k key, at int64, h clienthello.Hello) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stats.Read++
	if t.count >= maxHellos {
		for old := range t.known { // any one will do: the oldest is not worth searching for
			t.stats.Evicted += uint64(len(t.known[old]))
			t.forget(old, len(t.known[old]))
			break
		}
	}
	t.known[k] = append(t.known[k], observed{at, h})
	t.count++
}

// Stats returns the counters.
func (t *Table) Stats() Stats {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.stats
	s.Known = uint64(t.count)
	return s
}

// fail counts a ClientHello that cannot be read.
func (t *Table) fail() {
	t.mu.Lock()
	t.stats.Failed++
	t.mu.Unlock()
}

// skip counts a ClientHello that is not read for want of room or time.
func (t *Table) skip() {
	t.mu.Lock()
	t.stats.Skipped++
	t.mu.Unlock()
}
