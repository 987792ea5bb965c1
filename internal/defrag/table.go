package defrag

import (
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/share"
)

// The bounds of a table.
const (
	maxParts    = 64         // of 1,500 bytes, more than the largest datagram has
	maxDatagram = 65535      // bytes
	maxBytes    = 4 << 20    // of all datagrams
	maxAge      = int64(5e9) // nanoseconds of packet time

	// baseSize and partSize are what a datagram and each of its fragments take in
	// addition to their bytes.
	baseSize, partSize = 1 << 10, 64

	// maxExpired is how many datagrams that are too old are abandoned at once: more
	// than come, and few enough that no packet has to wait for it.
	maxExpired = 4
)

// Stats counts fragments and datagrams.
type Stats struct {
	Fragments uint64 // fragments seen
	Completed uint64 // datagrams reassembled
	Abandoned uint64 // datagrams given up: too old, or too many
	Waiting   int    // incomplete datagrams
	Bytes     int    // bytes of incomplete datagrams
}

// key identifies the fragments of one datagram (RFC 791: source, destination,
// protocol, identification) at one observation point.
type key struct {
	src, dst packet.Addr
	iface    uint32
	id       uint32
	family   uint8
	proto    uint8
	out      packet.Direction
}

// Table holds incomplete datagrams. An interface may hold as much as it leaves free; one
// that wants more loses its own oldest datagrams. The zero value is ready for use. It is
// not safe for concurrent use.
type Table struct {
	waiting map[key]*item
	shares  *share.Store[uint32, *datagram] // what waiting has, by interface
	stats   Stats
}

type item = share.Item[uint32, *datagram]

// Add copies a fragment whose payload is data: the bytes after the IP header. It
// returns the payload of the datagram if it is complete now, else nil.
func (t *Table) Add(p *packet.Packet, data []byte) []byte {
	t.stats.Fragments++
	k := key{src: p.Src, dst: p.Dst, iface: p.Iface, id: p.FragID, family: p.Family, proto: p.Proto, out: p.Direction}
	i := t.find(k, p.Time)
	if i == nil {
		t.stats.Abandoned++
		return nil
	}
	d := i.Value
	if d.dead || !t.shares.Resize(i, baseSize+d.bytes+len(data)+partSize*(len(d.parts)+1)) || !d.add(fragment{int(p.FragOffset), data}, !p.FragMore) {
		t.kill(i)
		return nil
	}
	t.stats.Bytes += len(data)
	if !d.complete() {
		return nil
	}
	t.stats.Completed++
	payload := d.payload()
	t.remove(i)
	return payload
}

// kill gives a datagram up. Its further fragments are ignored.
func (t *Table) kill(i *item) {
	d := i.Value
	t.stats.Bytes -= d.bytes
	d.dead, d.parts, d.bytes = true, nil, 0
	t.shares.Resize(i, baseSize)
}

// find returns the datagram of a key, a new one if there is none or it is too old, nil
// if there is no room, which takes hundreds of interfaces.
func (t *Table) find(k key, now int64) *item {
	if i := t.waiting[k]; i != nil {
		if !i.Value.expired(now) {
			return i
		}
		t.abandon(i)
	}
	return t.insert(k, now)
}

// expired reports whether the datagram is too old, or younger than the present
// because the clock was set back.
func (d *datagram) expired(now int64) bool { return now-d.begun > maxAge || now < d.begun }

func (t *Table) insert(k key, now int64) *item {
	if t.waiting == nil {
		t.waiting = map[key]*item{}
		t.shares = share.NewStore(maxBytes, t.forget)
	}
	for range maxExpired {
		i := t.shares.Oldest(k.iface)
		if i == nil || !i.Value.expired(now) {
			break
		}
		t.abandon(i)
	}
	i := t.shares.Add(k.iface, baseSize, &datagram{key: k, begun: now, total: -1})
	if i != nil {
		t.waiting[k] = i
	}
	return i
}

// abandon gives up a datagram that may not become complete any more.
func (t *Table) abandon(i *item) {
	t.shares.Remove(i)
	t.forget(i)
}

// forget counts a datagram that is not in its share any more as abandoned.
func (t *Table) forget(i *item) {
	t.stats.Abandoned++
	t.stats.Bytes -= i.Value.bytes
	delete(t.waiting, i.Value.key)
}

// remove removes a datagram that is complete.
func (t *Table) remove(i *item) {
	t.shares.Remove(i)
	t.stats.Bytes -= i.Value.bytes
	delete(t.waiting, i.Value.key)
}

// Stats returns the counters.
func (t *Table) Stats() Stats {
	s := t.stats
	s.Waiting = len(t.waiting)
	return s
}
