package beater

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/beats/v7/libbeat/processors"
	conf "github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/logp"

	"github.com/qubesbeat/qubesbeat/internal/capture"
	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/pipeline"
)

// Qubesbeat is the beater.
type Qubesbeat struct {
	settings *settings
	options  *Options
	log      *logp.Logger
	pipeline *drainingPipeline
	plain    bool

	// The context is kept because libbeat's Stop has no other way to reach Run,
	// and may come before it.
	ctx    context.Context
	cancel context.CancelFunc
	done   chan struct{} // closed when Run has delivered everything

	mu      sync.Mutex
	running bool // guarded by mu
}

var _ beat.Beater = (*Qubesbeat)(nil) // type check

// Creator returns the function that libbeat calls to make the beater.
func Creator(options *Options) beat.Creator {
	return func(b *beat.Beat, raw *conf.C) (beat.Beater, error) {
		return newBeater(b, raw, options)
	}
}

// newBeater checks the values of the settings. It opens nothing, because libbeat
// makes a beater for `setup`, too, unless `test config` asks it to.
func newBeater(b *beat.Beat, raw *conf.C, options *Options) (*Qubesbeat, error) {
	s, err := readSettings(b.Info.Beat, raw)
	if err != nil {
		return nil, err
	}
	if options.Checking { // a start finds the same when it opens them
		if err := s.check(b.Info.Beat, b.Info.Logger); err != nil {
			return nil, err
		}
	}
	for _, w := range s.warnings {
		b.Info.Logger.Named("qubesbeat").Warnw("ignoring unknown configuration key", "key", w.Error())
	}
	q := &Qubesbeat{settings: s, options: options, log: b.Info.Logger.Named("qubesbeat"),
		done: make(chan struct{})}
	q.ctx, q.cancel = context.WithCancel(context.Background())
	q.plain = options.plainOutput(b, s, q.log)
	q.pipeline = &drainingPipeline{Pipeline: b.Publisher, finish: q.finish}
	b.Publisher = q.pipeline
	return q, nil
}

// finish is called before libbeat closes its pipeline. Before Run there is
// nothing to wait for.
func (q *Qubesbeat) finish() {
	q.cancel()
	q.mu.Lock()
	running := q.running
	q.mu.Unlock()
	if running {
		<-q.done
	}
}

// begin reports whether Run may begin: a signal may have come before it.
func (q *Qubesbeat) begin() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.running = q.ctx.Err() == nil
	return q.running
}

// Stop implements beat.Beater.
func (q *Qubesbeat) Stop() { q.cancel() }

// Run implements beat.Beater. It returns when the capture files have ended, when
// the beat is stopped or when the capture fails; everything that was metered
// until then has been handed to the output.
func (q *Qubesbeat) Run(b *beat.Beat) error {
	defer close(q.done)
	if !q.begin() {
		return nil
	}
	r, err := q.prepare(b)
	if err != nil {
		return err
	}
	fault := r.execute(q.ctx)
	return r.report(fault)
}

// prepare opens everything that a run needs.
func (q *Qubesbeat) prepare(b *beat.Beat) (*run, error) {
	r := &run{settings: q.settings, root: b.Info.Beat, log: q.log, started: time.Now(), stderr: os.Stderr,
		sides: make(chan event.Document, sideRoom), libbeat: b.Monitoring.StatsRegistry().GetRegistry("libbeat"),
		abort: func() { _ = q.pipeline.closeInner() }}
	files := fileSettings(q.settings, q.options.Flags)
	r.live = len(files.Files) == 0
	if err := r.openInventory(); err != nil {
		return nil, err
	}
	if err := r.loadInventory(r.live); err != nil {
		return nil, err
	}
	if err := r.connect(q.pipeline.Pipeline, q.processing, q.plain); err != nil {
		return nil, err
	}
	if err := r.newResolver(q.pipeline.Pipeline, q.plain); err != nil {
		return nil, err
	}
	taps, err := r.newTaps(q.pipeline.Pipeline)
	if err != nil {
		return nil, err
	}
	if r.source, err = r.openSource(files, files.Dump != "", q.ctx.Done()); err != nil {
		return nil, err
	}
	if err := r.assemble(taps, files.Dump); err != nil {
		return nil, errors.Join(err, r.source.Close())
	}
	r.registerMetrics(b.Monitoring.StatsRegistry())
	return r, nil
}

// processing makes the part of the event processing that the flows section of
// the configuration asks for. Each client needs its own processors.
func (q *Qubesbeat) processing() (beat.ProcessingConfig, error) {
	c := &q.settings.flowEvents
	p := beat.ProcessingConfig{EventMetadata: c.EventMetadata, KeepNull: c.KeepNull}
	if c.Index != "" {
		p.Meta = map[string]any{"raw_index": c.Index}
	}
	if len(c.Processors) > 0 {
		list, err := processors.New(c.Processors, q.log)
		if err != nil {
			return p, fmt.Errorf("reading the configuration: flows.processors: %w", err)
		}
		p.Processor = list
	}
	return p, nil
}

// queueSize is the room between meter and publisher, in records of some 220
// bytes: 3.6 MB, a burst of about a tenth of a second at the output's best speed.
const queueSize = 16384

// assemble builds the stages from the source to the sink.
func (r *run) assemble(taps []pipeline.Tap, dump string) (err error) {
	r.queue = pipeline.NewQueue(queueSize, !r.live)
	cfg := pipeline.MeterConfig{Source: r.source.Source, Queue: r.queue, Flow: r.tableConfig(),
		NoFlows: !r.settings.Flows.Enabled, Taps: taps, Now: r.source.now}
	if dump != "" {
		if r.dump, err = capture.OpenDump(dump, !r.live); err != nil {
			return err
		}
		cfg.Dump = r.dump.Frame
	}
	if r.meter, err = pipeline.NewMeter(cfg); err != nil {
		return fmt.Errorf("building the meter: %w", err)
	}
	r.publisher = r.newPublisher()
	return nil
}
