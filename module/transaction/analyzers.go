package transaction

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/elastic/beats/v7/packetbeat/config"
	"github.com/elastic/beats/v7/packetbeat/procs"
	conf "github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/logp"

	"github.com/qubesbeat/qubesbeat/internal/feed"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// Config holds the settings of [New].
type Config struct {
	// Protocols and List are packetbeat's `protocols`, in the old form (a map)
	// and in the new one (a list).
	Protocols map[string]*conf.C
	List      []*conf.C
	// Publisher takes the events; it must not be nil.
	Publisher *Publisher
	// Processes finds the local processes of a connection; nil finds none.
	Processes *procs.ProcessesWatcher
	// Name names an observation point.
	Name func(iface uint32) string
	// Genuine tells whether a client may have sent from an address; the packets
	// of others are not analyzed. nil believes everybody.
	Genuine func(iface uint32, source netip.Addr, at time.Time) bool
	// Memory bounds what the analyzers may hold, in bytes; 0 means 64 MiB.
	Memory int
	// Strict leaves out what packetbeat forgets when it stops: requests without an
	// answer.
	Strict bool
	// Patient makes a full queue wait, as a replay can.
	Patient bool
	Log     *logp.Logger
}

// Analyzers runs packetbeat's analyzers over the packets of a queue.
type Analyzers struct {
	cfg     Config
	queue   *feed.Queue
	ports   feed.Ports
	sets    map[string]*set // by device; noDevice has the rest
	byIface map[uint32]ifaceSet
	conns   *connections
	origins *origins

	mu    sync.Mutex
	own   Stats // belongs to Run
	stats Stats // guarded by mu
}

// New makes the analyzers that are configured. It returns nil where there are
// none, and an error that names the section that cannot be used.
func New(c Config) (*Analyzers, error) {
	if c.Memory == 0 {
		c.Memory = 64 << 20
	}
	icmpConfig, err := config.Config{Protocols: c.Protocols, ProtocolsList: c.List}.ICMP()
	if err != nil {
		return nil, fmt.Errorf("protocols: %w", err)
	}
	a := &Analyzers{cfg: c, sets: map[string]*set{}, byIface: map[uint32]ifaceSet{}, origins: newOrigins(),
		own: Stats{Panics: map[string]uint64{}, Refused: map[string]uint64{}}}
	c.Publisher.origins = a.origins
	a.conns = newConnections(c.Memory/2, &a.own)
	for _, device := range append(c.devices(), noDevice) {
		s, err := newSet(&c, device, icmpConfig)
		if err != nil {
			return nil, fmt.Errorf("reading the configuration: %w", err)
		}
		s.addTo(&a.ports)
		a.sets[device] = s
	}
	if a.empty() {
		return nil, nil
	}
	a.queue = feed.NewQueue(c.Patient)
	return a, nil
}

// devices returns those that have analyzers of their own.
func (c *Config) devices() (devices []string) {
	seen := map[string]bool{"": true}
	for _, cfg := range c.List {
		if d := sectionDevice(cfg); !seen[d] && cfg.Enabled() {
			seen[d] = true
			devices = append(devices, d)
		}
	}
	return devices
}

func (a *Analyzers) empty() bool {
	for _, s := range a.sets {
		if !s.empty() {
			return false
		}
	}
	return true
}

// Wanted returns the ports that the analyzers listen to, and whether one is for
// ICMP.
func (a *Analyzers) Wanted() (tcp, udp []uint16, icmp bool) {
	for _, s := range a.sets {
		tcp = append(tcp, slices.Collect(maps.Keys(s.tcp))...)
		udp = append(udp, slices.Collect(maps.Keys(s.udp))...)
		icmp = icmp || s.icmp != nil
	}
	slices.Sort(tcp)
	slices.Sort(udp)
	return slices.Compact(tcp), slices.Compact(udp), icmp
}

// Tap returns the tap that feeds the analyzers.
func (a *Analyzers) Tap() *feed.Feed { return feed.New(&a.ports, a.queue) }

// Run analyzes until the queue is closed and empty.
func (a *Analyzers) Run() {
	batch := make([]feed.Packet, 256)
	for {
		n := a.queue.Pop(batch)
		if n == 0 {
			break
		}
		for i := range batch[:n] {
			a.take(&batch[i])
		}
		clear(batch[:n]) // the payloads are the analyzers' now
		a.conns.sweep(a)
		a.share()
	}
	a.finish()
}

// finish ends all connections and waits for the analyzers' own goroutines.
func (a *Analyzers) finish() {
	a.conns.flush(a, !a.cfg.Strict)
	a.settle()
	a.share()
}

// take gives one packet to its analyzer.
func (a *Analyzers) take(p *feed.Packet) {
	s := a.set(p.Iface)
	f := s.analyzer(p)
	if f == nil || !a.admit(p) {
		return
	}
	if f.pending.refuses(p, a.cfg.Memory/2) {
		a.own.Refused[f.name]++
		return
	}
	a.own.Packets++
	switch p.Proto {
	case packet.ProtoTCP:
		a.conns.take(a, f, p)
	case packet.ProtoUDP:
		a.udp(f, p)
	default:
		a.icmp(f, p)
	}
}

// analyzer returns the analyzer of a packet, nil where there is none.
func (s *set) analyzer(p *feed.Packet) *protocol {
	switch p.Proto {
	case packet.ProtoTCP:
		return s.find(p, s.tcp)
	case packet.ProtoUDP:
		return s.find(p, s.udp)
	}
	return s.icmp
}

// set returns the analyzers of an interface.
func (a *Analyzers) set(iface uint32) *set {
	name := a.cfg.Name(iface)
	if known, ok := a.byIface[iface]; ok && known.name == name {
		return known.set
	}
	s := a.sets[name]
	if s == nil {
		s = a.sets[noDevice]
	}
	if len(a.byIface) > maxIfaces {
		clear(a.byIface)
	}
	a.byIface[iface] = ifaceSet{name, s}
	return s
}

// ifaceSet remembers the set of an interface, for as long as it has its name: the
// kernel gives numbers again.
type ifaceSet struct {
	name string
	set  *set
}

// maxIfaces bounds what is remembered of interfaces, which come and go.
const maxIfaces = 4096

// admit notes where a packet was seen and tells whether it is to be analyzed.
func (a *Analyzers) admit(p *feed.Packet) bool {
	switch a.origins.note(p, a.cfg.Genuine) {
	case copied:
		a.own.Copies++
		return false
	case forged:
		a.own.Spoofed++
		return false
	}
	return true
}
