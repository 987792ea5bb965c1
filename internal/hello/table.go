package hello

import (
	"net/netip"
	"sync"

	"github.com/qubesbeat/qubesbeat/internal/clienthello"
	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/share"
)

// MaxBytes bounds what the ClientHellos of a table take, those that are incomplete
// included. One interface alone gets half of it, which is room for 30,000 ClientHellos
// with usual names, and 11,000 of the largest.
const MaxBytes = maxKnown + maxOpen

// The bounds of a table, in bytes if nothing else is said.
const (
	maxKnown  = 24 << 20
	maxOpen   = 4 << 20
	knownSize = 320     // of a ClientHello without its text, and of its place in the table
	openSize  = 1 << 10 // of an incomplete ClientHello without its payload
	quicSize  = 1536    // more for one of QUIC, for its keys

	// maxLater is the number of ClientHellos that are remembered of one
	// conversation: of connections on the same ports, or within one connection.
	maxLater = 16
)

// The rates of each interface, by packet time.
const (
	// perSecond is the number of ClientHellos that may begin in a second.
	perSecond = 8192
	// workPerSecond is the time in nanoseconds that reading them may take in a
	// second: a tenth of a core's.
	workPerSecond = 100e6
	// The time that a payload takes: a basic amount, which deriving keys dominates
	// for QUIC, and more with its length.
	tlsWork, quicWork, workPerByte = 1000, 10_000, 0.75
)

// Stats counts the ClientHellos of a table.
type Stats struct {
	Read    uint64 // complete
	Failed  uint64 // begun, but malformed or never completed
	Skipped uint64 // not read, because there were too many at once
	Evicted uint64 // forgotten before their flow had ended
	Known   uint64 // remembered now
}

// Table remembers the ClientHello of each flow until the flow has ended. An interface
// that has more of them than its share loses its own oldest. Packet and Close may be
// called from the meter's goroutine only; ForRecord, Peek, ServerName and Stats may be called from any.
type Table struct {
	open      map[key]*openItem              // incomplete ones; belongs to Packet
	openShare *share.Store[uint32, *reading] // what open holds, by interface; belongs to Packet
	begun     *share.Rate[uint32]            // by interface; belongs to Packet
	work      *share.Rate[uint32]            // by interface; belongs to Packet

	mu         sync.Mutex
	known      map[key]*knownItem             // guarded by mu; the first of each conversation
	knownShare *share.Store[uint32, observed] // guarded by mu: what known holds, by interface
	stats      Stats                          // guarded by mu
}

type (
	openItem  = share.Item[uint32, *reading]
	knownItem = share.Item[uint32, observed]
)

// observed is a ClientHello and when it was complete.
type observed struct {
	key   key
	at    int64 // packet time
	hello clienthello.Hello
	later *knownItem // the next one of the conversation, in order of their time
}

// New returns an empty table.
func New() *Table {
	t := &Table{open: map[key]*openItem{}, known: map[key]*knownItem{},
		begun: share.NewRate[uint32](perSecond, perSecond), work: share.NewRate[uint32](workPerSecond, workPerSecond)}
	t.openShare = share.NewStore(maxOpen, func(i *openItem) {
		delete(t.open, i.Value.key)
		t.skip()
	})
	t.knownShare = share.NewStore(maxKnown, func(i *knownItem) {
		t.unlink(i)
		t.stats.Evicted++
	})
	return t
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
	return t.find(r, r.Final() && r.Reason != flow.ReasonActive)
}

// Peek is ForRecord for one of two readers: the table forgets nothing.
func (t *Table) Peek(r *flow.Record) *clienthello.Hello { return t.find(r, false) }

// find returns the ClientHello of the flow that r describes, and forgets it if the flow has
// ended.
func (t *Table) find(r *flow.Record, ended bool) *clienthello.Hello {
	if r.Proto != packet.ProtoTCP && r.Proto != packet.ProtoUDP {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.known) == 0 {
		return nil
	}
	k := newKey(r.Iface, r.Proto, r.Family, &r.Source.Addr, &r.Destination.Addr, r.Source.Port, r.Destination.Port)
	var found *clienthello.Hello
	for i := t.known[k]; i != nil && i.Value.at <= r.End; i = i.Value.later { // later ones are of another connection on the same ports
		if i.Value.at >= r.Born && found == nil {
			found = &i.Value.hello
		}
		if ended {
			t.forget(i)
		}
	}
	return found
}

// ServerName returns the name in the latest ClientHello between two endpoints that is
// remembered, "" if there is none.
func (t *Table) ServerName(iface uint32, proto uint8, client, server netip.AddrPort) string {
	src, family := packet.AddrFrom(client.Addr())
	dst, _ := packet.AddrFrom(server.Addr())
	k := newKey(iface, proto, family, &src, &dst, client.Port(), server.Port())
	t.mu.Lock()
	defer t.mu.Unlock()
	name := ""
	for i := t.known[k]; i != nil; i = i.Value.later {
		name = i.Value.hello.ServerName
	}
	return name
}

// forget removes a ClientHello. Its later remains valid. It is called with mu held.
func (t *Table) forget(i *knownItem) {
	t.unlink(i)
	t.knownShare.Remove(i)
}

// unlink takes a ClientHello out of its conversation. It is called with mu held.
func (t *Table) unlink(i *knownItem) {
	k := i.Value.key
	first := t.known[k]
	switch {
	case first != i:
		for first.Value.later != i {
			first = first.Value.later
		}
		first.Value.later = i.Value.later
	case i.Value.later == nil:
		delete(t.known, k)
	default:
		t.known[k] = i.Value.later
	}
}

// add adds a ClientHello.
func (t *Table) add(k key, at int64, h clienthello.Hello) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stats.Read++
	i := t.knownShare.Add(k.iface, sizeOf(&h), observed{key: k, at: at, hello: h})
	if i == nil {
		t.stats.Evicted++
		return
	}
	first := t.known[k]
	if first == nil {
		t.known[k] = i
		return
	}
	last, n := first, 1
	for ; last.Value.later != nil; n++ {
		last = last.Value.later
	}
	last.Value.later = i
	if n >= maxLater { // the first is that of the flow, and the last may be that of the next flow
		t.forget(first.Value.later)
		t.stats.Evicted++
	}
}

// sizeOf returns how many bytes a ClientHello takes in the table.
func sizeOf(h *clienthello.Hello) int { return knownSize + h.TextSize() + 16*len(h.ALPN) }

// Stats returns the counters.
func (t *Table) Stats() Stats {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.stats
	s.Known = uint64(t.knownShare.Len())
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
