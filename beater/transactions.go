package beater

import (
	"context"
	"errors"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/elastic-agent-libs/logp"

	"github.com/qubesbeat/qubesbeat/internal/enrich"
	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/task"
	"github.com/qubesbeat/qubesbeat/module/transaction"
)

// transactionConfig translates the settings of the analyzers.
func (s *settings) transactionConfig() transaction.Config {
	return transaction.Config{Protocols: s.upstream.Protocols, List: s.upstream.ProtocolsList, Procs: s.upstream.Procs,
		Memory: s.Transactions.MaxMemoryMB << 20, InternalNetworks: s.Interfaces[0].InternalNets,
		IgnoreOutgoing: s.upstream.IgnoreOutgoing, Strict: s.Compat.Strict}
}

// checkTransactions finds faults of the sections before anything is opened.
func (s *settings) checkTransactions(log *logp.Logger) error {
	cfg := s.transactionConfig()
	if !cfg.Enabled() {
		if s.Flows.Enabled || s.Resolver.On() {
			return nil
		}
		return errors.New("nothing to do: the configuration has neither flows, nor a protocol that is enabled, nor a resolver")
	}
	return transaction.Check(cfg, log)
}

// newTransactions makes the analyzers that the configuration asks for, nil if there
// are none.
func (r *run) newTransactions(p beat.Pipeline, enricher *enrich.Enricher) (*transaction.Service, error) {
	cfg := r.settings.transactionConfig()
	cfg.Live = r.live
	if r.live && r.file != nil {
		cfg.Hold = r.settings.Inventory.Hold.D()
	}
	return transaction.New(cfg, transaction.Deps{
		Enricher:      enricher,
		InterfaceName: r.name,
		Connect: func(c beat.ProcessingConfig) (beat.Client, error) {
			return p.ConnectWith(beat.ClientConfig{PublishMode: beat.GuaranteedSend, Processing: c,
				EventListener: &r.transactionAcks, ClientListener: &r.transactionAcks})
		},
		DNS:      func(e *beat.Event) bool { return r.view != nil && r.view.overheard(e) },
		Delivery: r.transactionDelivery,
		Logger:   r.log,
	})
}

func (r *run) transactionDelivery() event.Delivery {
	a := &r.transactionAcks
	return event.Delivery{Acked: a.acked.Load(), Pending: a.pending(), Filtered: a.filtered.Load(), Dropped: a.dropped.Load()}
}

// startAnalysis runs the analyzers. The function that it returns waits, until it is
// late, for their events to be with the pipeline.
func (r *run) startAnalysis(late <-chan struct{}) (stop func()) {
	if r.analysis == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(task.WithLate(context.Background(), late))
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = r.analysis.Run(ctx)
	}()
	return func() {
		cancel()
		<-done
	}
}
