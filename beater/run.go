package beater

import (
	"io"
	"sync/atomic"
	"time"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/elastic-agent-libs/logp"
	"github.com/elastic/elastic-agent-libs/monitoring"

	"github.com/qubesbeat/qubesbeat/internal/capture"
	"github.com/qubesbeat/qubesbeat/internal/enrich"
	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/greeting"
	"github.com/qubesbeat/qubesbeat/internal/inventory"
	"github.com/qubesbeat/qubesbeat/internal/pipeline"
	flowmodule "github.com/qubesbeat/qubesbeat/module/flow"
	"github.com/qubesbeat/qubesbeat/module/transaction"
	"github.com/qubesbeat/qubesbeat/module/transaction/procs"
)

// run is one run of the beat: its stages and what connects them.
type run struct {
	settings *settings
	root     string // of the configuration
	log      *logp.Logger
	started  time.Time
	stderr   io.Writer
	libbeat  *monitoring.Registry

	index     *inventory.Index
	file      *inventory.File     // nil without inventory.file
	receiver  *inventory.Receiver // nil without inventory.qrexec
	live      bool                // as opposed to a replay
	source    *source
	dump      *capture.Dump // nil without --dump
	queue     *pipeline.Queue
	meter     *pipeline.Meter
	publisher *pipeline.Publisher
	book      *greeting.Book       // nil with compat.strict
	processes *procs.Searcher      // nil without procs.enabled
	analysis  *transaction.Service // nil where nothing is to be analyzed
	dns       *dns                 // nil without a resolver
	verdicts  *verdicts            // nil without the firewall
	view      *view                // nil where nobody sees the qubes' DNS
	sink      *sink                // of the flows
	side      *sink                // of everything else: a libbeat client serves one stream
	abort     func()               // closes libbeat's pipeline
	patience  time.Duration

	flowAcks, sideAcks, transactionAcks ackCounter

	sides       chan event.Document // on their way to side
	sideDropped atomic.Uint64
	failed      uint64 // outputFailures, as of the end
	interrupted bool   // stopped before the source's end
}

// sideRoom is how many events that are not flows may wait for the output. What
// finds no room is dropped and counted: an inventory must be followed, and the
// counters collected, also while the output is down.
const sideRoom = 1024

// connect opens the clients of libbeat's pipeline.
func (r *run) connect(p beat.Pipeline, processing func() (beat.ProcessingConfig, error), plain bool) (err error) {
	if r.sink, err = newSink(p, processing, plain, &r.flowAcks); err != nil {
		return err
	}
	none := func() (beat.ProcessingConfig, error) { return beat.ProcessingConfig{}, nil }
	if r.patience = patienceRemote; plain {
		r.patience = patienceLocal
	}
	r.side, err = newSink(p, none, plain, &r.sideAcks)
	return err
}

// tableConfig translates the settings of the flow table.
func (r *run) tableConfig() flow.Config {
	f := &r.settings.Flows
	return flow.Config{IdleTimeout: f.Timeout.D(), ActiveTimeout: max(f.ActiveTimeout.D(), 0),
		Period: max(f.Period.D(), 0), MaxFlows: f.MaxFlows, Delta: f.Delta}
}

func (r *run) newEnricher() *enrich.Enricher {
	enricher := &enrich.Enricher{Qubes: r.index, Name: r.name, HasVif: r.hasVif, Behind: r.index.Behind}
	if r.live {
		enricher.Local = localAddress()
	}
	return enricher
}

// name names an observation point. The source is opened after those who ask.
func (r *run) name(iface uint32) string { return r.source.Interfaces().Name(iface) }

// hasVif reports whether the vif of a domain is there. The names remember vifs
// that are gone; a ring knows better.
func (r *run) hasVif(domid int32) bool {
	if ring, ok := r.source.Source.(interface{ HasVif(int32) bool }); ok {
		return ring.HasVif(domid)
	}
	return r.source.Interfaces().HasVif(domid)
}

func (r *run) newPublisher() *pipeline.Publisher {
	cfg := pipeline.PublisherConfig{Queue: r.queue, Enrich: r.newEnricher(), Sink: r.sink,
		NewDocument: func() (event.Document, *event.Flow) {
			d := new(flowmodule.Document)
			return d, &d.Flow
		}}
	if r.book != nil {
		cfg.Hello = r.book.Take
	}
	if r.view != nil {
		cfg.Names = r.view.fill
	}
	if r.processes != nil {
		cfg.Processes = r.processes.AddTo
	}
	if r.live && r.file != nil {
		cfg.Hold = r.settings.Inventory.Hold.D()
	}
	return pipeline.NewPublisher(cfg)
}
