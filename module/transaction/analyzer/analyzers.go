package analyzer

import (
	"fmt"

	pbconfig "github.com/elastic/beats/v7/packetbeat/config"
	"github.com/elastic/beats/v7/packetbeat/procs"
	conf "github.com/elastic/elastic-agent-libs/config"

	"github.com/qubesbeat/qubesbeat/internal/feed"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/module/transaction/wire"
)

// config holds the settings of [newAnalyzers].
type config struct {
	// protocols and list are packetbeat's `protocols`, in the old form (a map) and in
	// the new one (a list).
	protocols map[string]*conf.C
	list      []*conf.C
	// processes finds the local processes of a connection; nil finds none.
	processes *procs.ProcessesWatcher
	// interfaceName returns the name of an observation point.
	interfaceName func(iface uint32) string
	// memory bounds what the analyzers may hold, in bytes; 0 means 64 MiB.
	memory int
	// strict leaves out what packetbeat forgets when it stops: requests without a
	// response.
	strict bool
	// reporter holds the settings for the events.
	reporter reporterConfig
	// panicked is called after each panic of an analyzer. It may be nil.
	panicked func(*wire.Panic)
	// probe panics if a test wants an analyzer to do so at an input. It may be nil.
	probe func(protocol string, input []byte)
}

// defaultMemory is the budget if none is configured.
const defaultMemory = 64 << 20

// analyzers runs packetbeat's analyzers. It is for one goroutine.
type analyzers struct {
	cfg      config
	sets     map[string]*set // by device; noDevice has the rest
	byIface  map[uint32]ifaceSet
	conns    *connections
	origins  *origins
	reporter *reporter
	current  *connection // whose analyzer is being called, nil otherwise
	counts   wire.AnalyzerStats
}

// newAnalyzers returns the analyzers that are configured, nil if there are none. The
// error names the section that cannot be used.
func newAnalyzers(cfg config) (*analyzers, error) {
	icmpConfig, err := pbconfig.Config{Protocols: cfg.protocols, ProtocolsList: cfg.list}.ICMP()
	if err != nil {
		return nil, fmt.Errorf("protocols: %w", err)
	}
	a := newEmpty(cfg)
	for _, device := range append(cfg.devices(), noDevice) {
		s, err := a.newSet(device, icmpConfig)
		if err != nil {
			return nil, err
		}
		a.sets[device] = s
	}
	if ports := a.ports(); ports.Empty() {
		return nil, nil
	}
	return a, nil
}

// newEmpty returns analyzers without a set.
func newEmpty(cfg config) *analyzers {
	if cfg.memory == 0 {
		cfg.memory = defaultMemory
	}
	a := &analyzers{cfg: cfg, sets: map[string]*set{}, byIface: map[uint32]ifaceSet{}, origins: newOrigins(),
		counts: wire.AnalyzerStats{Panics: map[string]uint64{}, Refused: map[string]uint64{}}}
	a.reporter = newReporter(cfg.reporter, a.origins, a.currentHello)
	a.conns = newConnections(cfg.memory/2, &a.counts)
	return a
}

// ports returns what the analyzers listen to.
func (a *analyzers) ports() wire.Ready {
	r := wire.Ready{TCP: map[uint16]string{}, UDP: map[uint16]string{}}
	for _, s := range a.sets {
		for port, p := range s.tcp {
			r.TCP[port] = p.name
		}
		for port, p := range s.udp {
			r.UDP[port] = p.name
		}
		r.ICMP = r.ICMP || s.icmp != nil
	}
	return r
}

// take passes one packet to its analyzer. spoofed says that its source address is
// not one of the qube that sent it.
func (a *analyzers) take(p *feed.Packet, spoofed bool) {
	f := a.setOf(p.Iface).find(p)
	if f == nil || !a.admit(p, spoofed) {
		return
	}
	if f.pending.refuses(p, a.cfg.memory/2) {
		a.counts.Refused[f.name]++
		return
	}
	a.counts.Packets++
	switch p.Proto {
	case packet.ProtoTCP:
		a.conns.take(a, f, p)
	case packet.ProtoUDP:
		a.parseUDP(f, p)
	default:
		a.parseICMP(f, p)
	}
}

// admit records where a packet was observed, and reports whether it is to be
// analyzed.
func (a *analyzers) admit(p *feed.Packet, spoofed bool) bool {
	switch a.origins.observe(p, spoofed) {
	case seenBefore:
		a.counts.Copies++
		return false
	case isSpoofed:
		a.counts.Spoofed++
		return false
	}
	return true
}

// expire ends idle connections.
func (a *analyzers) expire() { a.conns.expire(a) }

// finish ends all connections and waits for the analyzers' own goroutines.
func (a *analyzers) finish() {
	a.conns.endAll(a, !a.cfg.strict)
	a.waitIdle()
}

// stats returns the counters. The result shares the maps of a.
func (a *analyzers) stats() wire.Stats {
	s := wire.Stats{Analyzers: a.counts, Reporter: a.reporter.stats()}
	s.Analyzers.Live, s.Analyzers.Held = uint64(len(a.conns.table)), uint64(a.conns.held)
	return s
}
