package beater

import (
	"github.com/elastic/elastic-agent-libs/logp"

	"github.com/qubesbeat/qubesbeat/beater/settings"

	"github.com/qubesbeat/qubesbeat/module/transaction"
	"github.com/qubesbeat/qubesbeat/module/transaction/procs"
)

// checkTransactions finds faults of the sections before anything is opened.
func checkTransactions(s *settings.Settings, log *logp.Logger) error {
	analyzes, err := transaction.Check(s.Analyzers(), log)
	if err == nil && !analyzes && !s.Flows.Enabled && !s.Resolver.On() && !s.Firewall.Enabled && !s.Verify.Enabled {
		return errNothing
	}
	return err
}

// addTransactions adds packetbeat's analyzers if a protocol is enabled.
func (b *builder) addTransactions() (err error) {
	cfg := b.settings.Analyzers()
	cfg.Live, cfg.Hold = b.live, b.hold()
	connect, delivery := b.clients.Connector()
	b.analyzed, err = transaction.New(cfg, transaction.Deps{Enricher: b.enricher, InterfaceName: b.enricher.Name,
		Connect: connect, Delivery: delivery, DNS: b.names.ObserveAnswer, Admit: b.summaries.Admit, Guard: b.guard,
		Sensor: b.clients.Sensor, Logger: b.beat.log})
	if err != nil || b.analyzed == nil {
		return err
	}
	b.clients.OnClose(b.analyzed.Close)
	b.flows.ObservePackets(b.analyzed.Observer())
	b.flows.WantPayload(b.analyzed.Wanted())
	b.middle = append(b.middle, b.analyzed)
	return nil
}

// addProcesses adds packetbeat's search for the processes behind this machine's
// connections. As in packetbeat, those of a file are not searched for.
func (b *builder) addProcesses() error {
	c := b.settings.Upstream.Procs
	if !b.live || !c.Enabled || !b.settings.Flows.Enabled {
		return nil
	}
	search, err := procs.New(c, b.inventory.Local, b.guard.Part("capture/processes"))
	if err != nil {
		return err
	}
	b.flows.ObservePackets(search)
	b.flows.ObserveFlows(search.AddTo)
	return nil
}
