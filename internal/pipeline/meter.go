package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/capture"
	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/guard"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// MeterStats counts what a meter has read: Frames = Table.Packets + the frames
// of every other status + LostPackets.
type MeterStats struct {
	Frames, Bytes uint64
	Status        [packet.Statuses]uint64 // frames by outcome of the decoding
	StatusBytes   [packet.Statuses]uint64
	Table         flow.Stats

	// LostPackets and LostFlows are what panics have cost.
	LostPackets, LostFlows uint64
}

// Meter reads a source and meters its packets into a table.
type Meter struct {
	source  capture.Source
	waiter  capture.Waiter // source, nil if its Next does not wait
	live    capture.Live   // source, nil if it is not a live one
	table   *flow.Table    // nil where flows are off
	queue   *Queue
	taps    []Tap
	dump    func(*capture.Frame)
	tickers []Ticker
	keeper  Keeper  // nil for none
	gauge   Gauge   // nil for none
	watcher Watcher // nil for none
	now     func() int64
	guard   *guard.Part
	conf    flow.Config // of tables

	frame            capture.Frame
	working, inTable bool       // see repair
	armed            bool       // a test wants panics
	past             flow.Stats // of tables that were replaced
	lostFlows        uint64

	own   MeterStats // belongs to Run
	batch [flow.BatchSize]packet.Packet
	n     int         // packets in batch
	kept  *keptFrames // nil without a keeper
	swept int64       // when the shunted flows were read, on the packets' clock
	long  bool        // the source may wait for longer than shortIdle
	link  packet.Link // of the first frame that could not be read

	mu     sync.Mutex
	shared MeterStats
}

// MeterConfig holds the settings of a [Meter]. Source and Queue must not be nil,
// and Flow must be valid unless NoFlows is set.
type MeterConfig struct {
	Source capture.Source
	Queue  *Queue
	Flow   flow.Config // Report is set by the meter
	// NoFlows leaves flows out: packets are decoded for the taps only.
	NoFlows bool
	// Dump is shown every frame, decoded or not. It may be nil.
	Dump func(*capture.Frame)
	// Keeper gets every frame with its flow. It may be nil, and needs a live Source and
	// flows.
	Keeper Keeper
	// Gauge counts what is metered, by observation point. It may be nil.
	Gauge Gauge
	// Watcher is shown what happens in flows. It may be nil.
	Watcher Watcher
	// Taps look at every packet that could be decoded, in the meter's goroutine.
	Taps []Tap
	// Now is the time on the packets' clock while no packet comes; nil means
	// that time stands still then, as in a replay at full speed.
	Now func() int64
	// Guard recovers from panics while packets are read, observed and metered: a
	// packet is lost with its batch, and a table that panicked is replaced. It may be
	// nil.
	Guard *guard.Part
}

// Tap looks at packets on their way to the table. It must copy what it wants to
// keep of the frame, and is closed after the last packet.
type Tap interface {
	Packet(p *packet.Packet, frame []byte)
	Close()
}

// Ticker is a [Tap] that wants to know the time while no packet comes.
type Ticker interface {
	// Tick is called about once a second, with the time on the packets' clock.
	Tick(now int64)
}

// Watcher is shown what happens in flows, in the order of the packets and in the meter's
// goroutine. It must copy what it wants to keep.
type Watcher interface {
	Notice(n *flow.Notice)
	Record(r *flow.Record)
}

// NewMeter returns a meter, or what is wrong with the settings.
func NewMeter(cfg MeterConfig) (*Meter, error) {
	m := &Meter{source: cfg.Source, queue: cfg.Queue, now: cfg.Now, taps: cfg.Taps, dump: cfg.Dump, gauge: cfg.Gauge, guard: cfg.Guard}
	m.waiter, _ = cfg.Source.(capture.Waiter)
	m.live, _ = cfg.Source.(capture.Live)
	for _, t := range cfg.Taps {
		if ticker, ok := t.(Ticker); ok {
			m.tickers = append(m.tickers, ticker)
		}
	}
	if cfg.Keeper != nil {
		if m.live == nil || cfg.NoFlows {
			return nil, errKeeper
		}
		m.keeper, m.kept = cfg.Keeper, new(keptFrames)
	}
	if cfg.NoFlows {
		return m, nil
	}
	cfg.Flow.Report = m.report
	if w := cfg.Watcher; w != nil {
		m.watcher, cfg.Flow.Notice = w, w.Notice
	}
	if m.gauge != nil {
		cfg.Flow.Live, cfg.Flow.Shunted = m.gauge.Flow, m.gauge.Shunted
	}
	table, err := flow.New(cfg.Flow)
	if err != nil {
		return nil, err
	}
	m.table, m.conf = table, cfg.Flow
	return m, nil
}

// report passes a record on to what looks at records in the meter's goroutine, and to the queue.
func (m *Meter) report(r *flow.Record) {
	if m.keeper != nil {
		m.keeper.Report(r)
	}
	if m.watcher != nil {
		m.watcher.Record(r)
	}
	m.queue.Push(r)
}

// checkEvery is how many packets pass at most between two looks at the context
// and two updates of the shared counters. A live source that had to wait for a
// packet causes a look at once.
const checkEvery = 1024

// Run meters until the source ends or ctx does, then ends every live flow and
// closes the queue. It returns the fault of the source, nil where there was
// none.
func (m *Meter) Run(ctx context.Context) error {
	defer m.queue.Close()
	if m.waiter != nil {
		defer context.AfterFunc(ctx, m.waiter.Wake)()
		m.setIdle(shortIdle)
	}
	err := m.read(ctx)
	if ctx.Err() != nil {
		err = m.drain(err)
	}
	for _, t := range m.taps {
		t.Close()
	}
	m.queue.SetBlocking()
	m.endFlows()
	m.share()
	if err == nil {
		err = m.unreadable()
	}
	return err
}

// read meters until the end of the source, or of ctx.
func (m *Meter) read(ctx context.Context) error {
	for {
		done, err := m.readBatch()
		if done {
			return err
		}
		m.sweep()
		m.share()
		if err := m.guard.Err(); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return nil
		}
	}
}

// readBatch meters up to checkEvery packets. done reports whether the source is at
// its end. A panic ends the batch.
func (m *Meter) readBatch() (done bool, fault error) {
	defer m.repair()
	defer m.guard.Recover(&m.frame.Data)
	m.working, m.armed = true, m.guard.Armed()
	done, fault = m.readFrames()
	m.working = false
	return done, fault
}

// readFrames meters up to checkEvery packets.
func (m *Meter) readFrames() (done bool, fault error) {
	f := &m.frame
	for range checkEvery {
		if err := m.source.Next(f); err != nil {
			m.flush()
			return m.pause(err)
		}
		m.take(f)
		if m.waiter != nil && (m.long || m.waiter.Waited()) {
			m.setIdle(shortIdle)
			break // nothing was waiting: there is time to look up
		}
	}
	m.flush()
	return false, nil
}

// take is the path of every packet: it is decoded at once, for its bytes belong
// to the source, and metered with the next ones together.
func (m *Meter) take(f *capture.Frame) {
	if m.dump != nil {
		m.dump(f)
	}
	if m.armed {
		m.guard.Probe(f.Data)
	}
	status := f.Decode(&m.batch[m.n])
	m.own.Status[status]++
	m.own.StatusBytes[status] += uint64(f.Length)
	if status == packet.OK {
		for _, t := range m.taps {
			t.Packet(&m.batch[m.n], f.Data)
		}
		if m.kept != nil {
			m.kept.frames[m.n] = *f
		}
		if m.n++; m.n == flow.BatchSize || m.kept != nil && f.Last {
			m.flush()
		}
		return
	}
	if status == packet.Unsupported && m.own.Status[status] == 1 {
		m.link = f.Link
	}
	if m.kept != nil {
		m.flush() // what came before, in order
		m.keeper.Keep(f, nil, m.table, flow.Ref{})
	}
}

// flush meters the packets that wait.
func (m *Meter) flush() {
	n := m.n
	m.n = 0
	if m.table != nil {
		m.update(n)
	}
	if m.gauge != nil {
		m.gauge.Packets(m.batch[:n])
	}
}

// update meters the first n packets of the batch into the table.
func (m *Meter) update(n int) {
	m.inTable = true
	if m.kept != nil {
		m.table.UpdateBatchRefs(m.batch[:n], &m.kept.refs)
	} else {
		m.table.UpdateBatch(m.batch[:n])
	}
	m.inTable = false
	if m.kept != nil {
		m.keep(n)
	}
}

// pause handles what Next returned instead of a frame. done reports whether the
// source is at its end.
func (m *Meter) pause(err error) (done bool, fault error) {
	switch {
	case errors.Is(err, capture.ErrIdle):
		m.tick()
		m.setIdle(m.mayIdle())
		return false, nil
	case errors.Is(err, capture.ErrAgain):
		if m.table != nil {
			m.inTable = true
			m.table.Restart()
			m.inTable = false
		}
		return false, nil
	case errors.Is(err, io.EOF):
		return true, nil
	}
	return true, fmt.Errorf("reading packets: %w", err)
}

// tick has time pass for the table and the taps.
func (m *Meter) tick() {
	if m.now == nil {
		return
	}
	now := m.now()
	if m.table != nil {
		m.inTable = true
		m.table.Advance(now)
		m.inTable = false
	}
	for _, t := range m.tickers {
		t.Tick(now)
	}
}

// How long a source may wait for a packet. With packets in the batch it is
// shortIdle: that is how late they may be metered. Without, it is until a flow is
// due, but records need not be more exact than shortIdle, and a clock that was set
// is noticed after longIdle.
const (
	shortIdle = capture.DefaultIdle
	longIdle  = 10 * time.Second
	tickIdle  = time.Second // if a tap wants the time
)

// mayIdle returns how long the source may wait while the batch is empty.
func (m *Meter) mayIdle() time.Duration {
	most := longIdle
	if len(m.tickers) > 0 {
		most = tickIdle
	}
	if m.table == nil {
		return most
	}
	due, ok := m.table.NextExpiry()
	if !ok || m.now == nil {
		return most
	}
	longest := most
	if m.table.Shunted() > 0 {
		longest = min(longest, sweepEvery)
	}
	return min(max(time.Duration(due-m.now()), shortIdle), longest)
}

// setIdle sets how long the source may wait, if it does.
func (m *Meter) setIdle(d time.Duration) {
	if m.waiter == nil {
		return
	}
	m.waiter.SetIdle(d)
	m.long = d > shortIdle
}

// drain meters what a live source still holds after ctx has ended.
func (m *Meter) drain(fault error) error {
	if m.live == nil || fault != nil {
		return fault
	}
	if err := m.live.Drain(); err != nil {
		return err
	}
	for m.source.Next(&m.frame) == nil {
		_ = m.guard.Do(func() []byte { return m.frame.Data }, func() { m.take(&m.frame) })
		m.repair()
	}
	_ = m.guard.Do(nil, m.flush)
	m.repair()
	return nil
}

// share publishes the counters. The counters themselves are plain numbers: an
// atomic add per packet would cost as much as the decoding.
func (m *Meter) share() {
	own := m.own
	if m.table != nil {
		own.Table = sum(m.past, m.table.Stats())
		own.Status[packet.OK] += own.Table.ShuntedPackets
		own.StatusBytes[packet.OK] += own.Table.ShuntedBytes
	}
	for i := range own.Status {
		own.Frames += own.Status[i]
		own.Bytes += own.StatusBytes[i]
	}
	own.LostPackets, own.LostFlows = m.lost(own.Table.Packets-own.Table.ShuntedPackets), m.lostFlows
	m.mu.Lock()
	m.shared = own
	m.mu.Unlock()
	if m.gauge != nil {
		m.gauge.Share()
	}
}

// Wake has the meter call [Gauge.Share] soon, also while no packet comes. It is safe for
// concurrent use.
func (m *Meter) Wake() {
	if m.waiter != nil {
		m.waiter.Wake()
	}
}

// Stats returns the counters as of the last moments. It is safe for concurrent
// use.
func (m *Meter) Stats() MeterStats {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.shared
}

// unreadable is the error for a source of which no frame could be read because
// of its link type; a mixture is counted and metered as far as it goes.
func (m *Meter) unreadable() error {
	n := m.own.Status[packet.Unsupported]
	if n == 0 || n != m.shared.Frames {
		return nil
	}
	return fmt.Errorf("no frame could be read: all %d have link type %d, which is not supported; "+
		"see https://www.tcpdump.org/linktypes.html for what it is", n, m.link)
}
