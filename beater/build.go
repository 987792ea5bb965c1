package beater

import (
	"maps"
	"net/netip"
	"os"
	"runtime/debug"
	"slices"
	"time"

	"github.com/qubesbeat/qubesbeat/beater/settings"

	"github.com/qubesbeat/qubesbeat/beater/publish"
	"github.com/qubesbeat/qubesbeat/config"
	"github.com/qubesbeat/qubesbeat/internal/auxqueue"
	"github.com/qubesbeat/qubesbeat/internal/detect"
	"github.com/qubesbeat/qubesbeat/internal/ecs"
	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/filewatch"
	verdict "github.com/qubesbeat/qubesbeat/internal/firewall"
	"github.com/qubesbeat/qubesbeat/internal/geoip"
	"github.com/qubesbeat/qubesbeat/internal/metrics"
	judge "github.com/qubesbeat/qubesbeat/internal/verify"
	"github.com/qubesbeat/qubesbeat/module/dns"
	"github.com/qubesbeat/qubesbeat/module/finding"
	"github.com/qubesbeat/qubesbeat/module/firewall"
	"github.com/qubesbeat/qubesbeat/module/flow"
	"github.com/qubesbeat/qubesbeat/module/inventory"
	"github.com/qubesbeat/qubesbeat/module/packets"
	"github.com/qubesbeat/qubesbeat/module/stats"
	"github.com/qubesbeat/qubesbeat/module/summary"
	"github.com/qubesbeat/qubesbeat/module/top"
	"github.com/qubesbeat/qubesbeat/module/verify"
)

// addSummaries gives each client its share of the output. A replay, a drop-in packetbeat
// and an output of unknown size get every event, unless the user has set a share.
func (b *builder) addSummaries() error {
	capacity := b.clients.Capacity
	if b.root == "packetbeat" || b.settings.Compat.Strict {
		capacity = 0
	}
	burst, perDay := b.settings.Quota.Share(capacity)
	if !b.live || burst == 0 {
		return nil
	}
	out, err := b.clients.Open(publish.NoProcessing)
	b.summaries = summary.New(summary.Config{Burst: burst, PerDay: perDay}, summary.Deps{Outlet: out, Guard: b.guard})
	return err
}

// open opens an outlet with the shares of the clients in front of it.
func (b *builder) open(p publish.Processing) (event.Outlet, error) {
	out, err := b.clients.Open(p)
	return b.summaries.Wrap(out), err
}

// openAux opens the way of the events that must not wait for the output.
func (b *builder) openAux() error {
	out, err := b.open(publish.NoProcessing)
	b.aux = auxqueue.New(out, b.guard.Part("events/other"))
	return err
}

func (b *builder) addInventory() error {
	b.inventory = inventory.New(inventory.Config{Inventory: b.settings.Inventory, Live: b.live, DataDir: dataDir()},
		inventory.Deps{Sink: b.aux, Logger: b.log.With("component", "inventory"), Stderr: b.stderr, Guard: b.guard})
	// The flows, whose source names the interfaces, are added later.
	b.enricher = b.inventory.Enricher(func(iface uint32) string { return b.flows.InterfaceName(iface) },
		func(domid int32) bool { return b.flows.HasVif(domid) })
	return nil
}

// addNameTable adds the names that the qubes' DNS gives to flows. packetbeat has none
// of their fields. In a replay, where answers of analyzers and flows overtake each other,
// the detection has the names.
func (b *builder) addNameTable() error {
	analyzes := b.settings.Analyzers()
	if b.live && !b.settings.Compat.Strict && (b.settings.DNS != nil || analyzes.Enabled()) {
		b.names = dns.NewNames(b.inventory.Local, b.enricher.Owner)
	}
	return nil
}

func (b *builder) addFlows() error {
	out, err := b.open(b.beat.flowProcessing)
	if err != nil {
		return err
	}
	s := b.settings
	b.flows = flow.New(flow.Config{Flows: s.Flows, Interfaces: s.Interfaces, Replay: b.flags.Replay, Dump: b.flags.Dump, Hold: b.hold(),
		ClientHellos: s.Flows.Enabled && s.Flows.ServerNames && !s.Compat.Strict},
		flow.Deps{Outlet: out, Enricher: b.enricher, Logger: b.log.With("component", "capture"), Guard: b.guard})
	return nil
}

// hold returns how long an event waits for the name of its client, 0 if no name can
// come.
func (b *builder) hold() time.Duration {
	if !b.live || !b.inventory.HasFile() {
		return 0
	}
	return b.settings.Inventory.Hold.D()
}

// addTop has the live view count, which a replay has no use for and packetbeat does not have.
func (b *builder) addTop() error {
	s := b.settings
	if !b.live || !s.Top.Enabled || b.root == "packetbeat" || s.Compat.Strict {
		return nil
	}
	c := top.Config{Top: s.Top, DataDir: dataDir(), Resolver: s.DNS != nil && s.Resolver.Log.Enabled, Firewall: s.Firewall.Enabled}
	b.top = top.New(c, top.Deps{Flows: b.flows, Enrich: b.enricher, Resolved: b.names.Resolved, Verdict: b.outcome,
		Logger: b.log.With("component", "top"), Guard: b.guard})
	b.flows.GaugePackets(b.top.Gauge())
	return nil
}

// addResolver adds the resolver, which has nothing to answer in a replay.
func (b *builder) addResolver() error {
	if b.settings.DNS == nil || !b.live {
		return nil
	}
	b.limitMemory()
	out, err := b.open(publish.NoProcessing)
	if err != nil {
		return err
	}
	host, _ := os.Hostname()
	resolver := dns.New(dns.Config{Settings: b.settings.DNS, DataDir: dataDir(), Instance: host, Hold: b.hold()},
		dns.Deps{Outlet: out, Inventory: b.inventory.Index(), Captured: b.flows.InterfaceName, ReadSettings: b.readResolver,
			Names: b.names, Observe: b.top.Query, Released: debug.FreeOSMemory, Logger: b.log.With("component", "resolver"), Guard: b.guard})
	b.inventory.OnChange(resolver.Renew)
	b.middle = append(b.middle, resolver)
	return nil
}

// limitMemory sets from where on garbage is collected more often, unless the user has.
func (b *builder) limitMemory() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(b.settings.MemoryLimit())
	}
}

// readResolver reads the resolver's section of the configuration again.
func (b *builder) readResolver() (*dns.Settings, error) {
	s, err := settings.ReadFiles(b.root)
	if err != nil {
		return nil, err
	}
	return s.DNS, nil
}

func (b *builder) addFirewall() error {
	c := firewall.Config{Firewall: b.settings.Firewall}
	if !c.Enabled || !b.live {
		return nil
	}
	verdicts := firewall.New(c, firewall.Deps{Sink: b.top.Watch(b.aux), Observe: b.findings.Verdict, Refused: func(v *verdict.Verdict) { b.packets.LiftVerdict(v) }, Enrich: b.enricher, Local: b.inventory.Local,
		Captured: b.flows.InterfaceName, Logger: b.log.With("component", "firewall"), Guard: b.guard})
	if o, wanted := verdicts.ICMPErrors(); wanted {
		b.flows.ObservePackets(o)
	}
	b.middle = append(b.middle, verdicts)
	return nil
}

// addPackets adds the store of packets, which a replay has no use for.
func (b *builder) addPackets() error {
	c := b.settings.Packets
	if !c.Enabled {
		return nil
	}
	if !b.live {
		b.log.Warn("packets of capture files are not stored, although packets.enabled is set")
		return nil
	}
	s, err := packets.New(packets.Config{Packets: c, DataDir: dataDir(), Hold: b.hold(), Strict: b.settings.Compat.Strict}, packets.Deps{Inventory: b.inventory.Index(),
		InterfaceName: b.flows.InterfaceName, KernelDrops: b.flows.KernelDrops, Logger: b.log.With("component", "packets"), ReadSettings: b.readPackets, Guard: b.guard})
	if err != nil {
		return err
	}
	b.packets = s
	b.flows.KeepPackets(s)
	b.flows.ObserveFlows(s.Flow)
	b.middle = append(b.middle, s)
	return nil
}

// readPackets reads the section of the store of packets again.
func (b *builder) readPackets() (*config.Packets, error) {
	s, err := settings.ReadFiles(b.root)
	if err != nil {
		return nil, err
	}
	return &s.Packets, nil
}

// outcome returns what the verdicts on the qube of an interface come to, "" if there is none.
func (b *builder) outcome(iface string) string {
	if b.verify == nil {
		return ""
	}
	return b.verify.Outcome(iface)
}

// addVerify adds the verdicts on what the qubes send.
func (b *builder) addVerify() error {
	c := b.settings.Verify
	if !c.Enabled {
		return nil
	}
	self, _ := os.Hostname() // the name of a qube
	var upstreams []string
	if b.settings.Resolver.On() {
		upstreams = slices.Concat(slices.Collect(maps.Values(b.settings.Resolver.Upstreams))...)
	}
	s, err := verify.New(verify.Config{Verify: c, Live: b.live, DataDir: dataDir(), QubesDB: b.settings.Resolver.Firewall.Socket, Self: self,
		Upstreams: upstreams, Inventory: b.inventory.FileName()},
		verify.Deps{Sink: b.aux, Enricher: b.enricher, Inventory: b.inventory.Index(), HasVif: b.flows.HasVif, Local: b.inventory.Local,
			LocalChanges: b.inventory.LocalChanges, KernelDrops: b.flows.KernelDrops, Logger: b.log.With("component", "verify"), Guard: b.guard,
			Judged: func(r *judge.Result) {
				b.findings.Verified(r.Interface, r.Check.String(), r.Verdict == judge.Fail, r.At)
			}})
	if err != nil {
		return err
	}
	b.verify = s
	b.flows.JudgePackets(s.Judge())
	b.flows.WantHeaders()
	b.inventory.OnChange(s.Renew)
	b.middle = append(b.middle, s)
	return nil
}

// addDetection makes the service that looks for what is odd. packetbeat has nothing like it.
func (b *builder) addDetection() error {
	c := &b.settings.Config
	if !c.Detect.Enabled || !c.Flows.Enabled || c.Compat.Strict || b.root == "packetbeat" {
		return nil
	}
	conf := finding.Config{Detect: c.Detect, Live: b.live, Qubes: b.inventory.HasFile(), Hold: b.hold()}
	deps := finding.Deps{Sink: b.top.Watch(b.aux), Enricher: b.enricher, Logger: b.log.With("component", "detection"), Guard: b.guard,
		Found: func(source, destination netip.AddrPort, proto uint8) { b.packets.Lift(source, destination, proto) }}
	if b.live {
		conf.DataDir, deps.Local = dataDir(), b.inventory.Local
	}
	if b.live && c.Resolver.On() {
		deps.Resolver = b.names.IsResolver
	}
	if len(b.settings.GeoIP.Files()) > 0 {
		deps.Country = func(a netip.Addr) string { return b.places.Country(a) }
	}
	b.findings = finding.New(conf, deps)
	feed := b.findings.Feed(b.flows.PeekHello)
	b.flows.Watch(feed)
	if analyzes := b.settings.Analyzers(); !b.live && (b.settings.DNS != nil || analyzes.Enabled()) {
		names := detect.NewNames(b.enricher)
		feed.Name(names)
		b.flows.ObserveFlows(names.Fill)
	}
	b.flows.WantPayload([]uint16{53}, []uint16{53}, false)
	return nil
}

// addNames has flows named.
func (b *builder) addNames() {
	if b.names != nil {
		b.flows.ObserveFlows(b.names.Fill)
	}
	if b.findings != nil {
		b.middle = append(b.middle, b.findings)
	}
}

// addGeoIP has flows located. packetbeat has none of their fields.
func (b *builder) addGeoIP() {
	files := b.settings.GeoIP.Files()
	if len(files) == 0 || b.settings.Compat.Strict {
		return
	}
	s := geoip.NewService(files, filewatch.Watch, ecs.Prepare, b.log.With("component", "geoip"))
	s.Open()
	b.flows.ObserveFlows(s.Fill)
	b.middle = append(b.middle, s)
	b.places = s
}

func (b *builder) newStats() *stats.Service {
	return stats.New(stats.Config{Period: b.settings.Stats.Period.D(), Started: b.started},
		stats.Deps{Collect: func() []event.Counter { return metrics.Collect(b.counters...) },
			Sink: b.aux, PublishLast: b.aux.PublishLast})
}
