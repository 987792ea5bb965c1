package transaction

import (
	"container/list"
	"time"

	"github.com/elastic/beats/v7/libbeat/common"
	"github.com/elastic/beats/v7/packetbeat/protos"

	"github.com/qubesbeat/qubesbeat/internal/feed"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/reassembly"
)

// connection is a TCP connection that an analyzer follows.
type connection struct {
	protocol *protocol
	key      common.HashableIPPortTuple // of the first packet seen
	tuple    common.TCPTuple
	streams  [2]reassembly.Stream // by direction
	data     protos.ProtocolData  // the analyzer's
	greeting *greeting            // what a TLS client has said first, nil for other protocols
	dead     bool                 // the analyzer has failed on it
	spent    time.Duration        // of the clock on the wall, in its analyzer
	seen     int64                // packet time of the last packet
	begin    uint32               // sequence number of the SYN that began it

	lane     *lane
	place    *list.Element // in its lane
	measured int           // bytes that data held when it was measured
	fed      int           // bytes given to the analyzer since then
	charge   int           // what the table has charged it with
}

// maxSpent is how long an analyzer may be busy with one connection in all. Some
// begin anew at every segment of a message that never ends.
const maxSpent = 10 * time.Second

// Directions of a connection, as the analyzers number them: original is that of
// the first packet seen.
const (
	reverse  = 0
	original = 1
)

// baseCost is what a connection costs by itself: the struct, its place in the
// table, the tuple, and an analyzer's empty state.
const baseCost = 2 << 10

// cost is what the connection is charged with: never less than it holds.
func (c *connection) cost() int {
	return baseCost + c.measured + c.fed + c.streams[0].Held() + c.streams[1].Held()
}

// connections is the table of all connections.
type connections struct {
	table   map[common.HashableIPPortTuple]*connection
	lanes   map[uint32]*lane
	waiting map[*connection]bool // a segment is missing
	held    int                  // the sum of all costs
	budget  int
	lastID  uint32
	now     int64 // packet time
	swept   int64 // packet time of the last search for silent connections
	stats   *Stats
}

// lane has the connections of one interface, the one that was silent longest in
// front. Who uses most of the budget gives way first.
type lane struct {
	list list.List
	held int
}

func newConnections(budget int, stats *Stats) *connections {
	return &connections{table: map[common.HashableIPPortTuple]*connection{}, lanes: map[uint32]*lane{},
		waiting: map[*connection]bool{}, budget: budget, stats: stats}
}

// take gives a segment to its connection.
func (t *connections) take(a *Analyzers, f *protocol, p *feed.Packet) {
	k := newPacket(p)
	t.now = p.Time
	c, dir := t.find(k)
	if c != nil && (c.over(p) || c.silent(p.Time)) {
		t.end(a, c)
		c = nil
	}
	if c == nil {
		c, dir = t.begin(f, p, k), original
	}
	before := c.cost()
	c.seen = p.Time
	c.lane.list.MoveToBack(c.place)
	begun := time.Now()
	c.add(a, dir, p, k)
	if c.spent += time.Since(begun); c.spent > maxSpent && !c.dead {
		c.dead, c.data = true, nil
		t.stats.Slow++
	}
	t.charge(c, c.cost()-before)
	t.note(c)
	if t.held > t.budget {
		t.shrink(a)
	}
}

func (t *connections) find(k *protos.Packet) (c *connection, dir uint8) {
	if c := t.table[k.Tuple.Hashable()]; c != nil {
		return c, original
	}
	return t.table[k.Tuple.RevHashable()], reverse
}

// silent tells that the connection has been so for too long. Like packetbeat's
// cache, it takes a timeout that is none for the usual one.
func (c *connection) silent(now int64) bool {
	timeout := int64(c.protocol.tcp.ConnectionTimeout())
	if timeout <= 0 {
		timeout = int64(protos.DefaultTransactionExpiration)
	}
	return now-c.seen > timeout
}

// over tells that a packet opens a new connection on the ports of an old one.
func (c *connection) over(p *feed.Packet) bool {
	return p.Flags&(packet.SYN|packet.ACK) == packet.SYN && p.Seq != c.begin
}

// begin enters a new connection.
func (t *connections) begin(f *protocol, p *feed.Packet, k *protos.Packet) *connection {
	t.lastID++
	c := &connection{protocol: f, key: k.Tuple.Hashable(), tuple: common.TCPTupleFromIPPort(&k.Tuple, t.lastID)}
	if p.Flags&packet.SYN != 0 {
		c.begin = p.Seq
	}
	if f.name == "tls" {
		c.greeting = new(greeting)
	}
	if c.lane = t.lanes[p.Iface]; c.lane == nil {
		c.lane = new(lane)
		t.lanes[p.Iface] = c.lane
	}
	c.place = c.lane.list.PushBack(c)
	t.table[c.key] = c
	t.charge(c, c.cost())
	t.stats.Connections++
	return c
}

// end takes a connection out of the table and lets its analyzer report what is
// left.
func (t *connections) end(a *Analyzers, c *connection) {
	t.deliver(a, c)
	a.expired(c)
	t.remove(c)
}

// deliver gives the analyzer what still waits for a missing segment.
func (t *connections) deliver(a *Analyzers, c *connection) {
	for dir := range c.streams {
		c.streams[dir].Flush(&order{a, c, uint8(dir)})
	}
}

func (t *connections) remove(c *connection) {
	t.stats.addStreams(c)
	t.charge(c, -c.charge)
	c.lane.list.Remove(c.place)
	delete(t.table, c.key)
	delete(t.waiting, c)
}

// note remembers connections that miss a segment: they are looked at again when
// time has passed.
func (t *connections) note(c *connection) {
	if c.streams[0].Held() > 0 || c.streams[1].Held() > 0 {
		t.waiting[c] = true
	} else if len(t.waiting) > 0 {
		delete(t.waiting, c)
	}
}

// sweep ends connections that have been silent for too long, and gives up holes
// that nothing has filled.
func (t *connections) sweep(a *Analyzers) {
	for c := range t.waiting {
		before := c.cost()
		for dir := range c.streams {
			c.streams[dir].Advance(t.now, &order{a, c, uint8(dir)})
		}
		t.charge(c, c.cost()-before)
		t.note(c)
	}
	if past := t.now - t.swept; past >= 0 && past < int64(sweepEvery) {
		return
	}
	t.swept = t.now
	for iface, l := range t.lanes {
		for e := l.list.Front(); e != nil; {
			c := e.Value.(*connection)
			if c.seen > t.now {
				c.seen = t.now // the clock was set back
			}
			if e = e.Next(); c.silent(t.now) {
				t.end(a, c)
			} else if t.now-c.seen <= int64(sweepEvery) {
				break // those behind it are younger
			}
		}
		if l.list.Len() == 0 {
			delete(t.lanes, iface)
		}
	}
}

// sweepEvery is how often silent connections are searched for, in packet time.
// What was not silent for as long is not looked at.
const sweepEvery = time.Second

// flush ends every connection. Without report, what an analyzer has left half is
// forgotten.
func (t *connections) flush(a *Analyzers, report bool) {
	for _, l := range t.lanes {
		for l.list.Len() > 0 {
			c := l.list.Front().Value.(*connection)
			if report {
				t.end(a, c)
				continue
			}
			t.deliver(a, c)
			t.remove(c)
		}
	}
}
