package flow

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// Config holds the settings of a [Table].
type Config struct {
	// Report is called with every record, from within Update, Advance and
	// Flush. It must not be nil, must not call the table, and must copy the record
	// to keep it, because the record is reused.
	Report func(*Record)

	// Live is called with +1 when a flow of an interface begins and with -1 when it ends.
	// It may be nil, and must not call the table.
	Live func(iface uint32, change int)
	// Notice is called with what happens in a flow while it lives, in the order of the
	// packets, from within Update. It may be nil, and then costs nothing. What holds for
	// Report holds for it, too.
	Notice func(*Notice)

	// IdleTimeout ends a flow that has had no packet for this long; required, at
	// least one second.
	IdleTimeout time.Duration

	// ActiveTimeout makes a final record of a flow that has lived this long; the
	// flow continues in a new record. 0 means never.
	ActiveTimeout time.Duration

	// Period is the time between interim reports of a live flow; 0 means none.
	// A flow without a packet since its last report is not reported again.
	Period time.Duration

	// Linger is how long a closed TCP connection waits for late packets before
	// its final record; 0 means DefaultLinger, or IdleTimeout if that is shorter.
	Linger time.Duration

	// MaxFlows bounds the live flows; required. When the table is full, a flow
	// is evicted (ReasonEvicted) for each new one.
	MaxFlows int

	// Delta makes each record cover the time since the previous one.
	Delta bool

	// Shunt counts the packets of flows that move bulk. It may be nil.
	Shunt Shunt
	// Shunted is called with what Shunt has counted of one direction of a flow: the last
	// packet, as far as the flow's key says what it was, and how many packets and bytes there
	// were. It may be nil, must not call the table, and must copy what it wants to keep.
	Shunted func(last *packet.Packet, packets, bytes uint64)

	// Seed makes the hash deterministic for tests; 0 means random, which hostile
	// traffic requires. Records do not depend on it.
	Seed uint64
}

// DefaultLinger covers the retransmission of a last FIN or ACK on slow paths.
const DefaultLinger = 5 * time.Second

// validate returns all faults of c, joined.
func (c *Config) validate() error {
	var errs []error
	if c.Report == nil {
		errs = append(errs, errors.New("report function missing"))
	}
	if c.IdleTimeout < time.Second {
		errs = append(errs, fmt.Errorf("idle timeout %v is below 1s", c.IdleTimeout))
	}
	if c.MaxFlows < 1 || c.MaxFlows > 1<<30 {
		errs = append(errs, fmt.Errorf("max flows %d is not within 1 and 2^30", c.MaxFlows))
	}
	if c.ActiveTimeout < 0 || c.Period < 0 || c.Linger < 0 {
		errs = append(errs, errors.New("negative duration"))
	}
	return errors.Join(errs...)
}

// Stats counts what a table has done. After Flush, Packets equals the sum over
// all final records; with [Config.Delta], over all records.
type Stats struct {
	Packets, Bytes uint64          // metered
	Created        uint64          // flows
	Records        [Reasons]uint64 // by reason; ReasonNone counts interim reports
	TimeJumps      uint64          // times the packets' clock went back by more than a minute
	TunnelsFull    uint64          // packets metered as those of their tunnel, for want of room
	Live           int             // flows now

	// ShuntedPackets and ShuntedBytes are those of Packets and Bytes that Config.Shunt has
	// counted.
	ShuntedPackets, ShuntedBytes uint64
}

// Table is the flow table of one meter. It is not safe for concurrent use.
type Table struct {
	cfg                              Config
	idle, active, period, lingerTime int64 // nanoseconds

	entries      entries
	index        index
	wheel        wheel
	tunnels      tunnels
	frags        fragments
	silent       conversations // whose flows have ended
	perInterface perInterface

	now, skew int64 // table time, and table time less packet time; see tick
	maxGap    int64 // gaps between packets count for no more than this; see tick
	restarted bool  // the next packet's time has nothing to do with the last one's
	seed      [4]uint64
	stats     Stats
	scratch   Record // the record that is being reported
	touched   uint32 // see UpdateBatch
	probes    [BatchSize]probe
	shunt     *shunting // nil without Config.Shunt
	notice    Notice    // that is being passed on
}

// New returns an empty table, or an error that names each wrong setting.
func New(cfg Config) (*Table, error) {
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("flow table: %w", err)
	}
	if cfg.Linger == 0 {
		cfg.Linger = min(DefaultLinger, cfg.IdleTimeout)
	}
	t := &Table{cfg: cfg, idle: int64(cfg.IdleTimeout), active: int64(cfg.ActiveTimeout),
		period: int64(cfg.Period), lingerTime: int64(cfg.Linger)}
	t.maxGap = max(t.idle, t.active, t.period) + 2*t.idle
	t.wheel.init(t.idle, t.lingerTime)
	t.index.init()
	t.perInterface.init()
	t.tunnels.init()
	t.silent.init()
	t.seedWith(cfg.Seed)
	if cfg.Shunt != nil {
		cfg.Shunt.Reset()
		t.shunt = new(shunting)
	}
	return t, nil
}

// seedWith sets the seed of the hash, from seed or, if that is 0, at random.
func (t *Table) seedWith(seed uint64) {
	for i := range t.seed {
		if t.seed[i] = rand.Uint64(); seed != 0 {
			t.seed[i] = seed*0x9e3779b97f4a7c15 + uint64(i)*0xbf58476d1ce4e5b9
		}
	}
}

// Stats returns the counters.
func (t *Table) Stats() Stats {
	s := t.stats
	s.Live, s.TunnelsFull = t.entries.live, t.tunnels.full
	return s
}

// Update meters one packet. p.Time, p.Length, p.Iface and p.Direction must be
// set. p is not kept, but the ports of a later fragment are filled in, and a packet
// whose tunnel has no place becomes that of its tunnel.
func (t *Table) Update(p *packet.Packet) { t.meter(p) }

// meter meters a packet and returns the entry of its flow.
func (t *Table) meter(p *packet.Packet) *entry {
	if p.Fragment != packet.FragmentNone || p.Outer.Kind != packet.TunnelNone && p.OuterFragID != 0 {
		t.frags.resolve(p)
	}
	// Timers and evictions may end the last flow of this tunnel before the packet's
	// flow exists, so its number is held meanwhile.
	tunnel := t.tunnels.enter(p)
	t.tunnels.hold(tunnel)
	var key Key
	swapped := key.set(p, tunnel)
	e := t.update(p, &key, key.hash(&t.seed), swapped)
	t.tunnels.release(tunnel)
	return e
}

// update meters a packet whose key is known, and returns the entry of its flow.
func (t *Table) update(p *packet.Packet, key *Key, hash uint64, swapped bool) *entry {
	now := t.tick(p.Time)
	t.stats.Packets++
	t.stats.Bytes += uint64(p.Length)
	i := t.index.find(hash, key, &t.entries)
	if i != none {
		e := t.entries.at(i)
		if e.place != 0 {
			t.absorb(e) // what came before
		}
		ended := ReasonNone
		if now-e.touched > t.idle || p.TCPFlags&packet.SYN != 0 {
			ended = t.endedBefore(e, p, now)
		}
		if ended == ReasonNone {
			if t.cfg.Notice != nil {
				t.noteLive(e, p, swapped)
			}
			e.add(p, swapped, now)
			if e.justClosed() {
				t.rearm(i, e)
			}
			if t.shunt != nil && (e.packets[initiator]+e.packets[responder])%bulkPackets == 0 {
				t.consider(i, e, p, now)
			}
			return e
		}
		t.end(i, e, ended)
	}
	return t.begin(key, hash, p, swapped, now)
}

// endedBefore returns why the flow of e has ended before p, ReasonNone if it has
// not. Either it was idle for too long (the wheel is coarser than the timeout,
// this check is not), or p opens a new connection on the ports of an old one.
func (t *Table) endedBefore(e *entry, p *packet.Packet, now int64) Reason {
	idle := now-e.touched > t.idle
	switch {
	case idle:
		return e.endReason(ReasonIdle)
	case p.Proto == packet.ProtoTCP && e.reopened(p):
		return ReasonEnd
	}
	return ReasonNone
}

// begin creates the entry of a new flow.
func (t *Table) begin(key *Key, hash uint64, p *packet.Packet, swapped bool, now int64) *entry {
	t.tunnels.hold(key.Tunnel)
	if t.entries.live >= t.cfg.MaxFlows {
		t.evict()
	}
	i := t.entries.alloc()
	e := t.entries.at(i)
	isB := swapped != reversed(p)
	if was, ok := t.silent.resume(key, p); ok {
		isB = was
	}
	e.start(key, hash, p, isB, swapped, now)
	if t.cfg.Notice != nil {
		t.notify(Opened, e, p)
	}
	e.add(p, swapped, now)
	t.index.insert(hash, i, &t.entries)
	t.wheel.add(i, e, t.due(e), &t.entries)
	t.countLive(key.Iface, 1)
	t.stats.Created++
	if e.justClosed() {
		t.rearm(i, e)
	}
	return e
}

// justClosed reports whether a connection is closed by the last packet.
func (e *entry) justClosed() bool {
	return e.key.Proto == packet.ProtoTCP && !e.is(closing) && e.tcp.closed()
}

// rearm brings the timer of a connection forward when it has just closed, because
// its idle timer may be far in the future. Later packets find the connection
// closing and leave the timer alone, so a peer that keeps sending cannot make this
// expensive.
func (t *Table) rearm(i uint32, e *entry) {
	e.facts |= closing
	t.wheel.remove(i, e, &t.entries)
	t.wheel.add(i, e, t.due(e), &t.entries)
}

// end reports the flow for the last time and frees its entry.
func (t *Table) end(i uint32, e *entry, reason Reason) {
	if e.place != 0 {
		t.unshunt(e)
	}
	t.report(e, reason)
	t.silent.remember(e, reason)
	t.wheel.remove(i, e, &t.entries)
	t.index.remove(e.hash, i)
	t.countLive(e.key.Iface, -1)
	t.tunnels.release(e.key.Tunnel)
	t.entries.free(i)
}

// report passes a record to Config.Report, unless nothing has happened since the
// last one.
func (t *Table) report(e *entry, reason Reason) {
	if reason != ReasonNone && e.is(split) && e.is(fresh) {
		return // it ends right after an active timeout, whose record has everything
	}
	t.record(e, &t.scratch, reason)
	t.stats.Records[reason]++
	t.cfg.Report(&t.scratch)
	e.facts |= reported
	if t.cfg.Delta || reason != ReasonNone {
		e.packets, e.bytes = [2]uint64{}, [2]uint64{}
	}
}

// Restart ends every live flow and prepares the table for packets of any other
// time, as in a second pass over the same capture.
func (t *Table) Restart() {
	t.Flush(ReasonForced)
	t.silent.init()
	t.restarted = true
}

// Flush ends every live flow, in the order of their places in the table, so that
// two runs report in the same order. Closed connections end with ReasonEnd, the
// others with the given reason.
func (t *Table) Flush(reason Reason) {
	for i := uint32(0); i < t.entries.used; i++ {
		e := t.entries.at(i)
		if e.slot < 0 {
			continue
		}
		t.end(i, e, e.endReason(reason))
	}
}
