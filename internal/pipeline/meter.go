package pipeline

import (
	"context"
	"sync"

	"github.com/qubesbeat/qubesbeat/internal/capture"
	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/guard"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// Meter reads a source and meters its packets into a table.
type Meter struct {
	source  capture.Source
	waiter  capture.Waiter // source, nil if its Next does not wait
	live    capture.Live   // source, nil if it is not a live one
	table   *flow.Table    // nil where flows are off
	queue   *Queue
	taps    []tap
	wanted  packet.Kinds // those that a tap looks at
	dump    func(*capture.Frame)
	tickers []Ticker
	strange []FrameTap // of taps
	keeper  Keeper     // nil for none
	judge   Judge      // nil for none
	gauge   Gauge      // nil for none
	watcher Watcher    // nil for none
	now     func() int64
	guard   *guard.Part
	conf    flow.Config // of tables

	reading          []byte     // bytes of the frame that is taken
	working, inTable bool       // see repair
	armed            bool       // a test wants panics
	past             flow.Stats // of tables that were replaced
	lostFlows        uint64

	own   MeterStats // belongs to Run
	batch [flow.BatchSize]packet.Packet
	n     int // packets in batch
	// frames are those of the batch, and refs their flows: for keeper and judge.
	frames  [flow.BatchSize]capture.Frame
	refs    [flow.BatchSize]flow.Ref
	retains bool        // the batch ends before the bytes of its frames are gone
	swept   int64       // when the shunted flows were read, on the packets' clock
	long    bool        // the source may wait for longer than shortIdle
	link    packet.Link // of the first frame that could not be read

	mu     sync.Mutex
	shared MeterStats
}

// NewMeter returns a meter, or what is wrong with the settings.
func NewMeter(cfg MeterConfig) (*Meter, error) {
	m := &Meter{source: cfg.Source, queue: cfg.Queue, now: cfg.Now, dump: cfg.Dump, gauge: cfg.Gauge, guard: cfg.Guard}
	m.waiter, _ = cfg.Source.(capture.Waiter)
	m.live, _ = cfg.Source.(capture.Live)
	for _, t := range cfg.Taps {
		m.taps = append(m.taps, newTap(t))
		if ticker, ok := t.(Ticker); ok {
			m.tickers = append(m.tickers, ticker)
		}
		if t, ok := t.(FrameTap); ok {
			m.strange = append(m.strange, t)
		}
	}
	m.wanted = m.tapped()
	if cfg.Keeper != nil && (m.live == nil || cfg.NoFlows) {
		return nil, errKeeper
	}
	m.keeper, m.judge, m.retains = cfg.Keeper, cfg.Judge, cfg.Keeper != nil || cfg.Judge != nil
	if m.judge != nil {
		m.tickers = append(m.tickers, m.judge)
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
	if m.judge != nil {
		m.judge.Close()
	}
	m.queue.SetBlocking()
	m.endFlows()
	m.flushWatcher(true)
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
