package transaction

import (
	"fmt"
	"maps"
	"slices"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/beats/v7/packetbeat/flows"
	"github.com/elastic/beats/v7/packetbeat/procs"
	"github.com/elastic/beats/v7/packetbeat/protos"
	"github.com/elastic/beats/v7/packetbeat/protos/icmp"
	conf "github.com/elastic/elastic-agent-libs/config"
	"github.com/google/gopacket/layers"

	// The analyzers register themselves, with the fields that they write.
	_ "github.com/elastic/beats/v7/packetbeat/protos/amqp"
	_ "github.com/elastic/beats/v7/packetbeat/protos/cassandra"
	_ "github.com/elastic/beats/v7/packetbeat/protos/dhcpv4"
	_ "github.com/elastic/beats/v7/packetbeat/protos/dns"
	_ "github.com/elastic/beats/v7/packetbeat/protos/http"
	_ "github.com/elastic/beats/v7/packetbeat/protos/memcache"
	_ "github.com/elastic/beats/v7/packetbeat/protos/mongodb"
	_ "github.com/elastic/beats/v7/packetbeat/protos/mysql"
	_ "github.com/elastic/beats/v7/packetbeat/protos/nfs"
	_ "github.com/elastic/beats/v7/packetbeat/protos/pgsql"
	_ "github.com/elastic/beats/v7/packetbeat/protos/redis"
	_ "github.com/elastic/beats/v7/packetbeat/protos/sip"
	_ "github.com/elastic/beats/v7/packetbeat/protos/thrift"
	_ "github.com/elastic/beats/v7/packetbeat/protos/tls"

	"github.com/qubesbeat/qubesbeat/internal/feed"
)

// reporters makes the function through which one analyzer reports its events.
type reporters interface {
	CreateReporter(cfg *conf.C) (func(beat.Event), error)
}

// icmpAnalyzer is packetbeat's analyzer of both versions of ICMP.
type icmpAnalyzer interface {
	ProcessICMPv4(*flows.FlowID, *layers.ICMPv4, *protos.Packet)
	ProcessICMPv6(*flows.FlowID, *layers.ICMPv6, *protos.Packet)
}

// set holds the analyzers for the packets of one interface, or of all that have
// no set of their own.
type set struct {
	tcp, udp map[uint16]*protocol
	icmp     *protocol
}

// protocol is one analyzer, as one set has it.
type protocol struct {
	name    string
	tcp     protos.TCPPlugin
	udp     protos.UDPPlugin
	icmp    icmpAnalyzer
	pending *pending
}

// noDevice is a device that cannot be: with it, packetbeat leaves out the
// analyzers that are for one device only.
const noDevice = "\x00"

// newSet makes the analyzers of c for a device.
func newSet(c *Config, device string, icmpConfig *conf.C) (*set, error) {
	all := protos.NewProtocols()
	if err := all.InitFiltered(false, device, c.Publisher, c.watcher(), c.Protocols, c.List); err != nil {
		return nil, err
	}
	s := &set{tcp: map[uint16]*protocol{}, udp: map[uint16]*protocol{}}
	known := map[protos.Protocol]*protocol{}
	for _, p := range slices.Sorted(maps.Keys(all.GetAllTCP())) {
		plugin := all.GetTCP(p)
		known[p] = &protocol{name: p.String(), tcp: plugin, pending: newPending(plugin)}
		if err := place(s.tcp, known[p], plugin.GetPorts()); err != nil {
			return nil, err
		}
	}
	for _, p := range slices.Sorted(maps.Keys(all.GetAllUDP())) {
		plugin := all.GetUDP(p)
		if known[p] == nil {
			known[p] = &protocol{name: p.String(), pending: newPending(plugin)}
		}
		known[p].udp = plugin
		if err := place(s.udp, known[p], plugin.GetPorts()); err != nil {
			return nil, err
		}
	}
	if wantsDevice(icmpConfig, device) {
		return s, s.addICMP(c, icmpConfig)
	}
	return s, nil
}

func (s *set) addICMP(c *Config, cfg *conf.C) error {
	report, err := c.Publisher.CreateReporter(cfg)
	if err != nil {
		return err
	}
	plugin, err := icmp.New(false, report, c.watcher(), cfg)
	if err != nil {
		return err
	}
	s.icmp = &protocol{name: "icmp", icmp: plugin, pending: newPending(plugin)}
	return nil
}

// place enters an analyzer under its ports. packetbeat checks the number of
// ports where it means the ports.
func place(table map[uint16]*protocol, p *protocol, ports []int) error {
	for _, port := range ports {
		if port < 0 || port > 65535 {
			return fmt.Errorf("protocols: %s: port %d is not within 0 and 65535", p.name, port)
		}
		if other := table[uint16(port)]; other != nil && other != p {
			return fmt.Errorf("protocols: port %d is given to both %s and %s", port, other.name, p.name)
		}
		table[uint16(port)] = p
	}
	return nil
}

// find returns the analyzer of a packet, nil where there is none. As in
// packetbeat, the source port goes first.
func (s *set) find(p *feed.Packet, table map[uint16]*protocol) *protocol {
	if f := table[p.SrcPort]; f != nil {
		return f
	}
	return table[p.DstPort]
}

// addTo enters what the set wants.
func (s *set) addTo(ports *feed.Ports) {
	for port := range s.tcp {
		ports.AddTCP(port)
	}
	for port := range s.udp {
		ports.AddUDP(port)
	}
	if s.icmp != nil {
		ports.AddICMP()
	}
}

// empty tells that the set has no analyzer.
func (s *set) empty() bool { return len(s.tcp) == 0 && len(s.udp) == 0 && s.icmp == nil }

func (c *Config) watcher() *procs.ProcessesWatcher {
	if c.Processes == nil {
		return &procs.ProcessesWatcher{} // knows no process
	}
	return c.Processes
}

// wantsDevice reports whether a section is enabled and not for another device.
func wantsDevice(cfg *conf.C, device string) bool {
	if !cfg.Enabled() {
		return false
	}
	own := sectionDevice(cfg)
	return own == "" || own == device
}

// sectionDevice returns the interface.device of a section of protocols.
func sectionDevice(cfg *conf.C) string {
	section := struct {
		Interface struct {
			Device string `config:"device"`
		} `config:"interface"`
	}{}
	if cfg == nil || cfg.Unpack(&section) != nil {
		return "" // packetbeat's own reading reports the fault
	}
	return section.Interface.Device
}
