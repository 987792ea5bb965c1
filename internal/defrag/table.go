package defrag

import "github.com/qubesbeat/qubesbeat/internal/packet"

// The bounds of a table.
const (
	maxDatagrams = 256
	maxParts     = 64         // of 1,500 bytes, more than the largest datagram has
	maxDatagram  = 65535      // bytes
	maxBytes     = 4 << 20    // of all datagrams
	maxAge       = int64(5e9) // nanoseconds of packet time
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

// Table holds incomplete datagrams. The zero value is ready for use. It is not
// safe for concurrent use.
type Table struct {
	waiting map[key]*datagram
	stats   Stats
}

// Add copies a fragment whose payload is data: the bytes after the IP header. It
// returns the payload of the datagram if it is complete now, else nil.
func (t *Table) Add(p *packet.Packet, data []byte) []byte {
	t.stats.Fragments++
	k := key{src: p.Src, dst: p.Dst, iface: p.Iface, id: p.FragID, family: p.Family, proto: p.Proto, out: p.Direction}
	d := t.find(k, p.Time)
	if d.dead || !d.add(fragment{int(p.FragOffset), data}, !p.FragMore) {
		t.stats.Bytes -= d.bytes
		d.dead, d.parts, d.bytes = true, nil, 0
		return nil
	}
	t.stats.Bytes += len(data)
	if d.complete() {
		t.stats.Completed++
		payload := d.payload()
		t.remove(k)
		return payload
	}
	for t.stats.Bytes > maxBytes {
		t.evict(p.Time)
	}
	return nil
}

// find returns the datagram of a key, a new one if there is none or it is too old.
func (t *Table) find(k key, now int64) *datagram {
	d := t.waiting[k]
	if d != nil && d.expired(now) {
		t.abandon(k)
		d = nil
	}
	if d == nil {
		d = t.insert(k, now)
	}
	return d
}

// expired reports whether the datagram is too old, or younger than the present
// because the clock was set back.
func (d *datagram) expired(now int64) bool { return now-d.begun > maxAge || now < d.begun }

func (t *Table) insert(k key, now int64) *datagram {
	if t.waiting == nil {
		t.waiting = map[key]*datagram{}
	}
	if len(t.waiting) >= maxDatagrams {
		t.evict(now)
	}
	d := &datagram{begun: now, total: -1}
	t.waiting[k] = d
	return d
}

// datagramCost is what a datagram counts for besides its bytes, so that an interface
// that fills the table with many and one that does so with large ones are compared.
const datagramCost = maxBytes / maxDatagrams

// evict abandons what is too old. If that is not enough, it also abandons the
// older half of the interface that takes most of the table: half of them at once, so
// that a flood does not search the table for each of its packets.
func (t *Table) evict(now int64) {
	counts, ages, costs := map[uint32]int64{}, map[uint32]int64{}, map[uint32]int64{}
	for k, d := range t.waiting {
		if d.expired(now) {
			t.abandon(k)
			continue
		}
		counts[k.iface]++
		costs[k.iface] += int64(d.bytes) + datagramCost
		ages[k.iface] += now - d.begun
	}
	if len(t.waiting) < maxDatagrams && t.stats.Bytes <= maxBytes {
		return
	}
	most := uint32(0)
	for iface, n := range costs {
		if n > costs[most] {
			most = iface
		}
	}
	for k, d := range t.waiting {
		if k.iface == most && now-d.begun >= ages[most]/counts[most] {
			t.abandon(k)
		}
	}
}

func (t *Table) abandon(k key) {
	t.stats.Abandoned++
	t.remove(k)
}

func (t *Table) remove(k key) {
	t.stats.Bytes -= t.waiting[k].bytes
	delete(t.waiting, k)
}

// Stats returns the counters.
func (t *Table) Stats() Stats {
	s := t.stats
	s.Waiting = len(t.waiting)
	return s
}
