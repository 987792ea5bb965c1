package defrag

import "github.com/qubesbeat/qubesbeat/internal/packet"

// The bounds of a table.
const (
	maxDatagrams = 256
	maxParts     = 64         // more than the largest datagram has in packets of 1,500 bytes
	maxDatagram  = 65535      // bytes
	maxBytes     = 4 << 20    // of all incomplete datagrams
	patience     = int64(5e9) // nanoseconds of packet time from the first fragment to the last
)

// Stats counts the fragments and datagrams of a table.
type Stats struct {
	Fragments uint64 // passed to Add
	Whole     uint64 // datagrams reassembled
	Given     uint64 // datagrams given up: incomplete, overlapping or too many
	Waiting   int    // incomplete datagrams now
	Bytes     int    // of these
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

// part is a fragment of a datagram.
type part struct {
	offset int
	data   []byte
}

// datagram is an incomplete datagram.
type datagram struct {
	begun int64  // packet time of the first fragment
	parts []part // in order, without overlap
	bytes int    // of parts
	total int    // length of the whole, -1 until the last fragment has arrived
	dead  bool   // invalid: its further fragments are ignored
}

// Table holds incomplete datagrams. The zero value is ready for use. It is not
// safe for concurrent use.
type Table struct {
	waiting map[key]*datagram
	stats   Stats
}

// Add takes a fragment. data is its payload, the bytes after the IP header, and is
// copied. Add returns the payload of the datagram when it is complete, else nil.
func (t *Table) Add(p *packet.Packet, data []byte) []byte {
	t.stats.Fragments++
	k := key{src: p.Src, dst: p.Dst, iface: p.Iface, id: p.FragID, family: p.Family, proto: p.Proto, out: p.Direction}
	d := t.waiting[k]
	if d != nil && (p.Time-d.begun > patience || p.Time < d.begun) {
		t.drop(k)
		d = nil
	}
	if d == nil {
		d = t.begin(k, p.Time)
	}
	if d.dead || !d.add(int(p.FragOffset), !p.FragMore, data) {
		t.stats.Bytes -= d.bytes
		d.dead, d.parts, d.bytes = true, nil, 0
		return nil
	}
	t.stats.Bytes += len(data)
	if d.total >= 0 && d.bytes == d.total {
		t.stats.Whole++
		whole := d.join()
		t.remove(k)
		return whole
	}
	for t.stats.Bytes > maxBytes {
		t.evict(p.Time)
	}
	return nil
}

// begin adds an empty datagram to the table.
func (t *Table) begin(k key, now int64) *datagram {
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

// add inserts a fragment. It reports whether the datagram is still valid.
func (d *datagram) add(offset int, last bool, data []byte) bool {
	end := offset + len(data)
	if len(data) == 0 || end > maxDatagram || len(d.parts) == maxParts {
		return false
	}
	if last && d.total >= 0 && d.total != end || d.total >= 0 && end > d.total {
		return false
	}
	at := len(d.parts)
	for at > 0 && d.parts[at-1].offset > offset {
		at--
	}
	if at > 0 && d.parts[at-1].offset+len(d.parts[at-1].data) > offset || at < len(d.parts) && end > d.parts[at].offset {
		return false
	}
	if last {
		if n := len(d.parts); n > at {
			return false // a fragment after the last one
		}
		d.total = end
	}
	d.parts = append(d.parts, part{})
	copy(d.parts[at+1:], d.parts[at:])
	d.parts[at] = part{offset, append([]byte(nil), data...)}
	d.bytes += len(data)
	return true
}

// join returns the payload of a complete datagram.
func (d *datagram) join() []byte {
	whole := make([]byte, 0, d.total)
	for _, p := range d.parts {
		whole = append(whole, p.data...)
	}
	return whole
}

// evict makes room: it drops the datagrams that are too old and, if that is not
// enough, the older half of those of the interface that has the most. Half of them
// at once, so that a flood does not cause a search of the table for each packet.
func (t *Table) evict(now int64) {
	counts, sums := map[uint32]int64{}, map[uint32]int64{}
	for k, d := range t.waiting {
		if now-d.begun > patience || now < d.begun {
			t.drop(k)
			continue
		}
		counts[k.iface]++
		sums[k.iface] += now - d.begun
	}
	if len(t.waiting) < maxDatagrams && t.stats.Bytes <= maxBytes {
		return
	}
	most := uint32(0)
	for iface, n := range counts {
		if n > counts[most] {
			most = iface
		}
	}
	for k, d := range t.waiting {
		if k.iface == most && now-d.begun >= sums[most]/counts[most] {
			t.drop(k)
		}
	}
}

// drop removes a datagram and counts it as given up.
func (t *Table) drop(k key) {
	t.stats.Given++
	t.remove(k)
}

// remove removes a datagram.
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
