package beater

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/elastic-agent-libs/logp"
	"github.com/elastic/elastic-agent-libs/monitoring"

	"github.com/qubesbeat/qubesbeat/internal/enrich"
	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/inventory"
	"github.com/qubesbeat/qubesbeat/internal/pipeline"
	flowmodule "github.com/qubesbeat/qubesbeat/module/flow"
)

// run is one run of the beat: its stages and what connects them.
type run struct {
	settings *settings
	log      *logp.Logger
	started  time.Time
	stderr   io.Writer
	libbeat  *monitoring.Registry

	index     *inventory.Index
	file      *inventory.File // nil without inventory.file
	source    *source
	queue     *pipeline.Queue
	meter     *pipeline.Meter
	publisher *pipeline.Publisher
	sink      *sink // of the flows
	side      *sink // of everything else: a libbeat client serves one stream
	acks      ackCounter
	abort     func() // closes libbeat's pipeline
	patience  time.Duration

	mu    sync.Mutex // held while the side events are published
	ended bool
}

// connect opens the clients of libbeat's pipeline.
func (r *run) connect(p beat.Pipeline, processing func() (beat.ProcessingConfig, error), plain bool) (err error) {
	if r.sink, err = newSink(p, processing, plain, &r.acks); err != nil {
		return err
	}
	none := func() (beat.ProcessingConfig, error) { return beat.ProcessingConfig{}, nil }
	if r.patience = patienceRemote; plain {
		r.patience = patienceLocal
	}
	r.side, err = newSink(p, none, plain, &r.acks)
	return err
}

// tableConfig translates the settings of the flow table.
func (r *run) tableConfig() flow.Config {
	f := &r.settings.Flows
	return flow.Config{IdleTimeout: f.Timeout.D(), ActiveTimeout: max(f.ActiveTimeout.D(), 0),
		Period: max(f.Period.D(), 0), MaxFlows: f.MaxFlows, Delta: f.Delta}
}

func (r *run) newPublisher() *pipeline.Publisher {
	names := r.source.Interfaces()
	enricher := &enrich.Enricher{Qubes: r.index, Name: names.Name, HasVif: names.HasVif}
	cfg := pipeline.PublisherConfig{Queue: r.queue, Enrich: enricher, Sink: r.sink,
		NewDocument: func() (event.Document, *event.Flow) {
			d := new(flowmodule.Document)
			return d, &d.Flow
		}}
	if ring, ok := r.source.Source.(interface{ HasVif(int32) bool }); ok {
		enricher.HasVif = ring.HasVif // names remember vifs that are gone
	}
	if r.source.live {
		enricher.Local = localAddress()
		if r.file != nil {
			cfg.Hold = r.settings.Inventory.Hold.D()
		}
	}
	return pipeline.NewPublisher(cfg)
}

// localAddress returns a test for this machine's addresses, which are read anew
// every few seconds: they change when an uplink or a vif comes or goes.
func localAddress() func(netip.Addr) bool {
	var known map[netip.Addr]bool
	var read time.Time
	return func(a netip.Addr) bool {
		if time.Since(read) > 5*time.Second {
			known, read = ownAddresses(), time.Now()
		}
		return known[a]
	}
}

func ownAddresses() map[netip.Addr]bool {
	known := map[netip.Addr]bool{}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return known
	}
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			known[p.Addr().Unmap()] = true
		}
	}
	return known
}

// execute runs the stages until the source ends or ctx does, and then brings
// what is left to the output.
func (r *run) execute(ctx context.Context) error {
	background, stopBackground := context.WithCancel(context.Background())
	defer stopBackground()
	var others sync.WaitGroup
	r.startInventory(background, &others)
	r.startStats(background, &others)
	stopProgress := r.startProgress()

	published := make(chan struct{})
	go func() {
		defer close(published)
		_ = r.publisher.Run(background)
	}()
	fault := r.meter.Run(ctx)
	late := r.deadline(ctx)
	finished := make(chan struct{})
	defer close(finished)
	go r.abortAt(late, finished)
	<-published
	stopProgress()
	stopBackground()
	others.Wait()
	r.publishStats(true)
	r.acks.wait(r.patience, late)
	r.sink.Close()
	r.side.Close()
	r.abort()                     // sends what waits for a full batch
	r.acks.wait(r.patience, late) // for what is under way
	return errors.Join(fault, r.source.Close())
}

// abortAt closes libbeat's pipeline when it is late. Only that lets go a Publish
// that waits for room in libbeat's queue; closing the client does not. What is
// left then is counted.
func (r *run) abortAt(late, finished <-chan struct{}) {
	select {
	case <-late:
		r.abort()
	case <-finished:
	}
}

// How long the output may show no progress at the end before its queue is
// closed, which makes it send what waits for a full batch and gives it one more
// second. A file has nothing to wait for; a server may take its time, and gets
// longer than the flush timeout of Options.Overrides.
const (
	patienceLocal  = 25 * time.Millisecond
	patienceRemote = 1500 * time.Millisecond
)

// deadline returns a channel that is closed shutdown_timeout after ctx has
// ended: a replay may take its time, a stop may not.
func (r *run) deadline(ctx context.Context) <-chan struct{} {
	late := make(chan struct{})
	context.AfterFunc(ctx, func() {
		time.AfterFunc(r.settings.ShutdownTimeout.D(), func() { close(late) })
	})
	return late
}

// lost returns an error when events were left behind at the end.
func (r *run) lost() error {
	q := r.queue.Stats()
	n := r.acks.pending() + r.acks.dropped.Load() + uint64(q.Waiting) + q.FinalDropped
	if n == 0 {
		return nil
	}
	return fmt.Errorf("%d events did not reach the output", n)
}
