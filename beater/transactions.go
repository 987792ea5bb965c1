package beater

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/beats/v7/packetbeat/procs"
	conf "github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/logp"

	"github.com/qubesbeat/qubesbeat/internal/enrich"
	"github.com/qubesbeat/qubesbeat/internal/feed"
	"github.com/qubesbeat/qubesbeat/module/transaction"
)

// transactions are the analyzers and the way of their events, nil where nothing
// is to be analyzed.
type transactions struct {
	analyzers *transaction.Worker
	publisher *transaction.Publisher
	tap       *feed.Feed
	running   sync.WaitGroup
}

// checkTransactions finds faults of the sections before anything is opened.
func (s *settings) checkTransactions(log *logp.Logger) error {
	if !s.hasProtocols() {
		if s.Flows.Enabled || s.Resolver.On() {
			return nil
		}
		return errors.New("nothing to do: the configuration has neither flows, nor a protocol that is enabled, nor a resolver")
	}
	return transaction.Check(transaction.Config{Protocols: s.upstream.Protocols, List: s.upstream.ProtocolsList, Log: log,
		Memory: s.Transactions.MaxMemoryMB << 20}, s.upstream.Procs)
}

// hasProtocols tells whether a section of protocols is enabled.
func (s *settings) hasProtocols() bool {
	enabled := func(c *conf.C) bool { return c.Enabled() }
	for _, c := range s.upstream.Protocols {
		if enabled(c) {
			return true
		}
	}
	return slices.ContainsFunc(s.upstream.ProtocolsList, enabled)
}

// newTransactions makes the analyzers that the configuration asks for.
func (r *run) newTransactions(p beat.Pipeline, enricher *enrich.Enricher) (*transactions, error) {
	s := r.settings
	if !s.hasProtocols() {
		return nil, nil
	}
	cfg := transaction.PublisherConfig{Completed: true, Enrich: enricher, InternalNetworks: s.Interfaces[0].InternalNets,
		IgnoreOutgoing: s.upstream.IgnoreOutgoing, DNS: func(e *beat.Event) bool { return r.view != nil && r.view.overheard(e) }, Strict: s.Compat.Strict, Patient: !r.live, Log: r.log,
		Connect: func(c beat.ProcessingConfig) (beat.Client, error) {
			return p.ConnectWith(beat.ClientConfig{PublishMode: beat.GuaranteedSend, Processing: c,
				EventListener: &r.transactionAcks, ClientListener: &r.transactionAcks})
		}}
	if r.live && r.file != nil {
		cfg.Hold = s.Inventory.Hold.D()
	}
	t := &transactions{publisher: transaction.NewPublisher(cfg)}
	var err error
	t.analyzers, err = transaction.NewWorker(transaction.Config{Protocols: s.upstream.Protocols, List: s.upstream.ProtocolsList,
		Publisher: t.publisher, Name: r.name, Genuine: enricher.Genuine,
		Memory: s.Transactions.MaxMemoryMB << 20, Patient: !r.live, Strict: s.Compat.Strict, Log: r.log},
		s.upstream.Procs, r.live)
	if err != nil || t.analyzers == nil {
		t.publisher.Close()
		return nil, err
	}
	t.tap = t.analyzers.Tap()
	return t, nil
}

// watchProcesses opens packetbeat's search for the processes behind a
// connection. Like packetbeat, it does not search for those of a file.
func (r *run) watchProcesses() error {
	if !r.live || !r.settings.upstream.Procs.Enabled {
		return nil
	}
	r.watcher = new(procs.ProcessesWatcher)
	if err := r.watcher.Init(r.settings.upstream.Procs); err != nil {
		return fmt.Errorf("reading the configuration: procs: %w", err)
	}
	return nil
}

// start runs the analyzers until their queue is closed. The function that it
// returns waits for that, until it is late, and for their events to be with the
// pipeline.
func (t *transactions) start() (wait func(late <-chan struct{})) {
	if t == nil {
		return func(<-chan struct{}) {}
	}
	t.running.Go(t.publisher.Run)
	analyzed := make(chan struct{})
	go func() {
		defer close(analyzed)
		t.analyzers.Run()
	}()
	return func(late <-chan struct{}) {
		select {
		case <-analyzed:
		case <-late: // an analyzer that does not return must not keep the beat
		}
		t.publisher.Finish()
		t.running.Wait()
	}
}

// close closes the clients of the pipeline.
func (t *transactions) close() {
	if t != nil {
		t.publisher.Close()
	}
}
