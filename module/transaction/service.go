package transaction

import (
	"context"
	"fmt"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/elastic-agent-libs/logp"

	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/feed"
	"github.com/qubesbeat/qubesbeat/internal/task"
	"github.com/qubesbeat/qubesbeat/module/transaction/supervisor"
	"github.com/qubesbeat/qubesbeat/module/transaction/wire"
)

// Service analyzes packets and publishes transaction events.
type Service struct {
	task.Started
	supervisor *supervisor.Supervisor
	publisher  *publisher
	delivery   func() event.Delivery
	logger     *logp.Logger
}

var _ task.Task = (*Service)(nil) // type check

// New returns a service whose analyzers are ready, in a process of their own, or nil
// if there is nothing to analyze. The error names the section of the configuration
// that cannot be used.
func New(conf Config, deps Deps) (*Service, error) {
	if !conf.Enabled() {
		return nil, nil
	}
	s := &Service{delivery: deps.Delivery, logger: deps.Logger, publisher: newPublisher(publisherConfig{deps: deps, hold: conf.Hold,
		setDirection: !conf.Strict && len(conf.InternalNetworks) == 0, blocking: !conf.Live})}
	if err := s.startAnalyzers(&conf, &deps); err != nil {
		s.Close()
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	if s.supervisor == nil {
		s.Close()
		return nil, nil
	}
	return s, nil
}

func (s *Service) startAnalyzers(conf *Config, deps *Deps) (err error) {
	analyzers := &wire.Config{Procs: conf.Procs, Live: conf.Live, Strict: conf.Strict, Memory: conf.Memory,
		InternalNetworks: conf.InternalNetworks, IgnoreOutgoing: conf.IgnoreOutgoing}
	if err := s.addSections(conf, analyzers); err != nil {
		return err
	}
	cfg := supervisor.Config{Guard: deps.Guard, Analyzers: analyzers, Handle: s.publisher.take, InterfaceName: deps.InterfaceName,
		Blocking: !conf.Live, Logger: deps.Logger}
	if deps.Enricher != nil {
		cfg.Genuine = deps.Enricher.Genuine
	}
	s.supervisor, err = supervisor.New(cfg)
	return err
}

// Check returns the error that [New] would return for a configuration, and reports whether
// there would be a service. It opens nothing that lasts.
func Check(conf Config, logger *logp.Logger) (analyzes bool, err error) {
	conf.Live = false // a replay asks nothing of the machine
	s, err := New(conf, Deps{Logger: logger, InterfaceName: func(uint32) string { return "" },
		Connect: func(beat.ProcessingConfig) (beat.Client, error) { return noClient{}, nil }})
	if s != nil {
		s.supervisor.Kill()
	}
	return s != nil, err
}

// noClient is a client that publishes nothing.
type noClient struct{}

// Publish implements beat.Client.
func (noClient) Publish(beat.Event) {}

// PublishAll implements beat.Client.
func (noClient) PublishAll([]beat.Event) {}

// Close implements beat.Client.
func (noClient) Close() error { return nil }

// String implements [task.Task].
func (s *Service) String() string { return "transactions" }

// Observer returns the packet observer of the meter, which closes it after the last
// packet.
func (s *Service) Observer() *feed.Feed { return s.supervisor.Feed() }

// Wanted returns the ports whose packets the capture must keep completely, and
// whether it must keep those of ICMP.
func (s *Service) Wanted() (tcp, udp []uint16, icmp bool) { return s.supervisor.Wanted() }

// Run implements [task.Task]. The observer must be closed before ctx ends: Run then
// returns when the analyzers have finished and their events are with the pipeline.
// If the time for stopping ends before that, it leaves the analyzers behind.
func (s *Service) Run(ctx context.Context) error {
	go s.publisher.run()
	analyzed := make(chan struct{})
	go func() {
		defer close(analyzed)
		s.supervisor.Run()
	}()
	s.MarkReady()
	<-ctx.Done()
	select {
	case <-analyzed:
	case <-task.Late(ctx): // an analyzer that does not return must not keep the beat
	}
	s.publisher.finish()
	return nil
}

// Close closes the clients of the pipeline. It must be called after Run, when the
// output has confirmed what was published.
func (s *Service) Close() { s.publisher.close() }
