package analyzer

import (
	"container/list"
	"time"

	"github.com/elastic/beats/v7/libbeat/common"
	"github.com/elastic/beats/v7/packetbeat/protos"

	"github.com/qubesbeat/qubesbeat/internal/feed"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/module/transaction/wire"
)

// connections is the table of all connections.
type connections struct {
	table   map[common.HashableIPPortTuple]*connection
	shares  map[uint32]*portion // by interface
	gaps    map[*connection]bool
	held    int // the sum of all charges
	budget  int
	lastID  uint32
	now     int64 // packet time
	expired int64 // packet time of the last search for idle connections
	counts  *wire.AnalyzerStats
}

// portion has the connections of one interface, the one that was idle longest first.
// The interface with the largest share of the budget loses connections first.
type portion struct {
	list list.List
	held int // bytes
}

func newConnections(budget int, counts *wire.AnalyzerStats) *connections {
	return &connections{table: map[common.HashableIPPortTuple]*connection{}, shares: map[uint32]*portion{},
		gaps: map[*connection]bool{}, budget: budget, counts: counts}
}

// take passes a segment to its connection.
func (t *connections) take(a *analyzers, f *protocol, p *feed.Packet) {
	k := newPacket(p)
	t.now = p.Time
	c, dir := t.find(k)
	if c != nil && (c.replacedBy(p) || c.idle(p.Time)) {
		t.end(a, c)
		c = nil
	}
	if c == nil {
		c, dir = t.insert(f, p, k), original
	}
	before := c.cost()
	c.lastSeen = p.Time
	c.share.list.MoveToBack(c.place)
	begun := time.Now()
	c.add(a, dir, p, k)
	if c.spent += time.Since(begun); c.spent > maxSpent && !c.dead {
		c.giveUp()
		t.counts.Slow++
	}
	t.charge(c, c.cost()-before)
	t.noteGap(c)
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

func (t *connections) insert(f *protocol, p *feed.Packet, k *protos.Packet) *connection {
	t.lastID++
	c := &connection{protocol: f, key: k.Tuple.Hashable(), tuple: common.TCPTupleFromIPPort(&k.Tuple, t.lastID)}
	if p.Flags&packet.SYN != 0 {
		c.synSeq = p.Seq
	}
	if f.name == "tls" {
		c.hello = new(hello)
	}
	if c.share = t.shares[p.Iface]; c.share == nil {
		c.share = new(portion)
		t.shares[p.Iface] = c.share
	}
	c.place = c.share.list.PushBack(c)
	t.table[c.key] = c
	t.charge(c, c.cost())
	t.counts.Connections++
	return c
}

// end removes a connection after its analyzer has reported what is left.
func (t *connections) end(a *analyzers, c *connection) {
	t.flush(a, c)
	a.reportExpired(c)
	t.remove(c)
}

// flush passes to the analyzer what still waits for a missing segment.
func (t *connections) flush(a *analyzers, c *connection) {
	for dir := range c.streams {
		c.streams[dir].Flush(&stream{a, c, uint8(dir)})
	}
}

func (t *connections) remove(c *connection) {
	for dir := range c.streams {
		s := c.streams[dir].Stats
		t.counts.Repeated += s.Repeated
		t.counts.Reordered += s.Reordered
		t.counts.Gaps += s.Gaps
	}
	t.charge(c, -c.charged)
	c.share.list.Remove(c.place)
	delete(t.table, c.key)
	delete(t.gaps, c)
}

// endAll ends every connection. Unless report is set, unfinished transactions are
// forgotten.
func (t *connections) endAll(a *analyzers, report bool) {
	for _, s := range t.shares {
		for s.list.Len() > 0 {
			c := s.list.Front().Value.(*connection)
			if report {
				t.end(a, c)
				continue
			}
			t.flush(a, c)
			t.remove(c)
		}
	}
}
