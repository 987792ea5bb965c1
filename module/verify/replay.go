package verify

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"

	"github.com/qubesbeat/qubesbeat/config"
	"github.com/qubesbeat/qubesbeat/internal/enrich"
	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/inventory"
	"github.com/qubesbeat/qubesbeat/internal/pipeline"
	"github.com/qubesbeat/qubesbeat/internal/source"
	judge "github.com/qubesbeat/qubesbeat/internal/verify"
)

// discard takes events that no one wants.
type discard struct{}

// Publish implements [event.Sink].
func (discard) Publish(event.Document) {}

// Replay returns the verdicts on a capture file. Checks that rest on the rules of the machine
// are unknown, and what the file says was lost is taken for that. probes are those that ran when
// it was captured.
//
// If the file cannot be read to its end, Replay returns an error and the verdicts on what came
// before, which count as a loss. They are nil if nothing did.
func Replay(ctx context.Context, conf *config.Verify, index *inventory.Index, file string, probes ...judge.Probe) (*judge.View, error) {
	log := slog.New(slog.DiscardHandler)
	src, err := source.Open(&source.Config{Interfaces: make([]config.Interface, 1), Logger: log,
		Replay: source.Replay{Files: []string{file}, Loop: 1, TopSpeed: true}})
	if err != nil {
		return nil, err
	}
	defer src.Close()
	enricher := &enrich.Enricher{Qubes: index, Name: func(i uint32) string { return src.Interfaces().Name(i) }, HasVif: src.HasVif}
	s, err := New(Config{Verify: *conf}, Deps{Sink: discard{}, Enricher: enricher, Inventory: index, HasVif: src.HasVif,
		Local: func(netip.Addr) bool { return false }, KernelDrops: func() uint64 { return src.Stats().KernelDrops }, Logger: log})
	if err != nil {
		return nil, err
	}
	for _, p := range probes {
		s.observer.verifier.AddProbe(p)
	}
	meter, err := pipeline.NewMeter(pipeline.MeterConfig{Source: src.Source, Queue: pipeline.NewQueue(1, true), NoFlows: true, Judge: s.Judge()})
	if err != nil {
		return nil, err
	}
	if err := meter.Run(ctx); err != nil {
		return s.torn(ctx), fmt.Errorf("reading %s: %w", file, err)
	}
	return s.Verdicts(ctx)
}

// torn returns the verdicts on a file whose end is missing, nil if all of it is.
func (s *Service) torn(ctx context.Context) *judge.View {
	v := s.observer.verifier
	if n := v.Stats(); n.Packets+n.Others == 0 {
		return nil
	}
	v.Lost(1) // at the least
	view, err := s.Verdicts(ctx)
	if err != nil {
		return nil
	}
	return view
}
