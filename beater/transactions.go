package beater

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/beats/v7/packetbeat/procs"
	conf "github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/logp"

	"github.com/qubesbeat/qubesbeat/internal/capture"
	"github.com/qubesbeat/qubesbeat/internal/metrics"
	"github.com/qubesbeat/qubesbeat/internal/task"
	"github.com/qubesbeat/qubesbeat/module/dns"
	"github.com/qubesbeat/qubesbeat/module/transaction"
)

type analysis struct {
	task.Started
	w *transaction.Worker
	p *transaction.Publisher
}

func (a *analysis) String() string { return "analyzers" }
func (a *analysis) Metrics(m *metrics.Set) {
	m.Group("transactions")
	m.Add("published", a.Published())
}
func (a *analysis) Published() uint64 { return a.p.Stats().Published }
func (a *analysis) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	wg.Go(a.p.Run)
	analyzed := make(chan struct{})
	go func() {
		defer close(analyzed)
		a.w.Run()
	}()
	a.MarkReady()
	<-ctx.Done()
	select {
	case <-analyzed:
	case <-task.Late(ctx):
	}
	a.p.Finish()
	wg.Wait()
	return nil
}

// addTransactions adds packetbeat's analyzers if a protocol is enabled.
func (b *builder) addTransactions() error {
	s := b.settings
	if b.live && !s.Compat.Strict && (s.hasProtocols() || s.Resolver.On()) {
		b.names = dns.NewNames(b.inventory.Local)
	}
	if !s.hasProtocols() {
		return nil
	}
	connect, _ := b.clients.Connector()
	cfg := transaction.PublisherConfig{Completed: true, Enrich: b.enricher, InternalNetworks: s.Interfaces[0].InternalNets,
		IgnoreOutgoing: s.upstream.IgnoreOutgoing, DNS: func(e *beat.Event) bool { return overheard(b.names, e) }, Strict: s.Compat.Strict, Patient: !b.live, Log: b.beat.log,
		Connect: connect, Hold: b.hold()}
	t := &analysis{p: transaction.NewPublisher(cfg)}
	var err error
	t.w, err = transaction.NewWorker(transaction.Config{Protocols: s.upstream.Protocols, List: s.upstream.ProtocolsList,
		Publisher: t.p, Name: b.enricher.Name, Genuine: b.enricher.Genuine,
		Memory: s.Transactions.MaxMemoryMB << 20, Patient: !b.live, Strict: s.Compat.Strict, Log: b.beat.log},
		s.upstream.Procs, b.live)
	if err != nil || t.w == nil {
		t.p.Close()
		return err
	}
	b.clients.OnClose(t.p.Close)
	b.flows.ObservePackets(t.w.Tap())
	var w capture.SnapPolicy
	w.TCPPorts, w.UDPPorts, w.ICMP = t.w.Wanted()
	b.flows.WantPayload(w)
	b.analyzed = t
	b.middle = append(b.middle, t)
	return nil
}

func (b *builder) addProcesses() error {
	if !b.live || !b.settings.upstream.Procs.Enabled || !b.settings.Flows.Enabled {
		return nil
	}
	w := new(procs.ProcessesWatcher)
	if err := w.Init(b.settings.upstream.Procs); err != nil {
		return fmt.Errorf("reading the configuration: procs: %w", err)
	}
	p := newProcesses(w)
	b.flows.ObservePackets(p)
	b.flows.ObserveFlows(p.addTo)
	return nil
}

func overheard(n *dns.Names, e *beat.Event) bool {
	from, ok := sideOf(e, "source")
	to, _ := sideOf(e, "destination")
	if !ok {
		return false
	}
	id, _ := strconv.ParseUint(text(e, "dns.id"), 10, 16)
	list, _ := e.Fields.GetValue("dns.resolved_ip")
	return n.ObserveAnswer(&dns.Answer{Client: from, Server: to, ID: uint16(id), Name: text(e, "dns.question.name"), Addresses: addresses(list), At: e.Timestamp})
}

var _ = time.Now

func text(e *beat.Event, key string) string {
	if v, err := e.Fields.GetValue(key); err == nil {
		return fmt.Sprint(v)
	}
	return ""
}

func sideOf(e *beat.Event, side string) (netip.AddrPort, bool) {
	a, err := netip.ParseAddr(text(e, side+".ip"))
	port, _ := strconv.ParseFloat(text(e, side+".port"), 64)
	return netip.AddrPortFrom(a, uint16(port)), err == nil
}

// addresses reads a list of addresses, of whatever type the analyzer has made it.
func addresses(v any) (list []netip.Addr) {
	var texts []string
	switch v := v.(type) {
	case []string:
		texts = v
	case []any:
		for _, one := range v {
			texts = append(texts, fmt.Sprint(one))
		}
	}
	for _, t := range texts {
		if a, err := netip.ParseAddr(t); err == nil {
			list = append(list, a)
		}
	}
	return list
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

// hasProtocols reports whether a section of protocols is enabled.
func (s *settings) hasProtocols() bool {
	enabled := func(c *conf.C) bool { return c.Enabled() }
	for _, c := range s.upstream.Protocols {
		if enabled(c) {
			return true
		}
	}
	return slices.ContainsFunc(s.upstream.ProtocolsList, enabled)
}
