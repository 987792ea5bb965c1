package beater

import (
	"errors"

	"github.com/qubesbeat/qubesbeat/beater/publish"
	"github.com/qubesbeat/qubesbeat/internal/auxqueue"
	"github.com/qubesbeat/qubesbeat/internal/enrich"
	"github.com/qubesbeat/qubesbeat/internal/geoip"
	"github.com/qubesbeat/qubesbeat/internal/guard"
	"github.com/qubesbeat/qubesbeat/internal/metrics"
	"github.com/qubesbeat/qubesbeat/internal/task"
	"github.com/qubesbeat/qubesbeat/module/dns"
	"github.com/qubesbeat/qubesbeat/module/finding"
	"github.com/qubesbeat/qubesbeat/module/inventory"
	"github.com/qubesbeat/qubesbeat/module/packets"
	"github.com/qubesbeat/qubesbeat/module/summary"
	"github.com/qubesbeat/qubesbeat/module/top"
	"github.com/qubesbeat/qubesbeat/module/verify"
)

// service is a part of the beat that counts.
type service interface {
	task.Task
	metrics.Source
}

// builder makes the services of a run. Each gets what it needs of the others, so the
// steps of [builder.build] stand in the order of the needs.
type builder struct {
	*run
	beat      *Qubesbeat
	root      string // of the configuration
	flags     Flags  // with what the first interface says
	aux       *auxqueue.Queue
	summaries *summary.Service // nil if every event goes out as it is
	guard     *guard.Keeper

	inventory *inventory.Service
	enricher  *enrich.Enricher
	names     *dns.Names // nil if no part sees the qubes' DNS
	middle    []service  // those that stop after the flows and before the inventory, in that order
	optional
}

// optional are services that a beat need not have: they may be nil.
type optional struct {
	findings *finding.Service // looks for what is odd
	places   *geoip.Service   // says where addresses are registered
	packets  *packets.Service // live only
	verify   *verify.Service  // nil unless it is enabled
	top      *top.Service     // live only, and not for packetbeat
}

// errNothing refuses a configuration without a part that is enabled.
var errNothing = errors.New("nothing to do: the configuration has neither flows, nor a protocol that is enabled, nor a resolver, nor the firewall")

// build makes the services and lists them in the order in which they stop.
func (b *builder) build() error {
	for _, step := range []func() error{b.addSummaries, b.openAux, b.addInventory, b.addFlows, b.addNameTable, b.addTop, b.addDetection, b.addTransactions, b.addResolver,
		b.addFirewall, b.addPackets, b.addVerify, b.addProcesses} {
		if err := step(); err != nil {
			return err
		}
	}
	if len(b.middle) == 0 && !b.settings.Flows.Enabled {
		return errNothing
	}
	b.addNames()
	b.addGeoIP()
	b.list()
	return nil
}

// list lists the tasks and the counters of the run.
func (b *builder) list() {
	b.tasks, b.counters = []task.Task{b.flows}, []metrics.Source{b.flows, b.aux, b.delivery}
	for _, s := range b.middle {
		b.tasks, b.counters = append(b.tasks, s), append(b.counters, s)
	}
	if b.top != nil {
		b.tasks, b.counters = append(b.tasks, b.top), append(b.counters, b.top)
	}
	if b.names != nil {
		b.counters = append(b.counters, b.names)
	}
	b.counters = append(b.counters, b.inventory, b.guard, &b.beat.options.Files)
	b.tasks = append(b.tasks, b.inventory, b.newStats(), b.aux)
	if b.summaries != nil {
		b.tasks, b.counters = append(b.tasks, b.summaries), append(b.counters, b.summaries)
	}
	if b.live {
		b.tasks = append(b.tasks, &publish.Rotator{Files: &b.beat.options.Files, Logger: b.log.With("component", "output")})
	}
	b.tasks = append(b.tasks, b.delivery)
}
