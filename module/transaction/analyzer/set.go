package analyzer

import (
	"fmt"
	"maps"
	"slices"

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
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// icmpAnalyzer is packetbeat's analyzer of both versions of ICMP.
type icmpAnalyzer interface {
	ProcessICMPv4(*flows.FlowID, *layers.ICMPv4, *protos.Packet)
	ProcessICMPv6(*flows.FlowID, *layers.ICMPv6, *protos.Packet)
}

// set holds the analyzers for the packets of one interface, or of all that have
// no set of their own.
type set struct {
	tcp, udp map[uint16]*protocol // by port
	icmp     *protocol            // nil if ICMP is not analyzed
}

// protocol is one analyzer within a set.
type protocol struct {
	name    string
	tcp     protos.TCPPlugin
	udp     protos.UDPPlugin
	icmp    icmpAnalyzer
	pending *pending
}

// newSet makes the analyzers for a device.
func (a *analyzers) newSet(device string, icmpConfig *conf.C) (*set, error) {
	all := protos.NewProtocols()
	if err := all.InitFiltered(false, device, a.reporter, a.cfg.watcher(), a.cfg.protocols, a.cfg.list); err != nil {
		return nil, err
	}
	s := &set{tcp: map[uint16]*protocol{}, udp: map[uint16]*protocol{}}
	known := map[protos.Protocol]*protocol{}
	for _, p := range slices.Sorted(maps.Keys(all.GetAllTCP())) {
		plugin := all.GetTCP(p)
		known[p] = &protocol{name: p.String(), tcp: plugin, pending: newPending(plugin)}
		if err := addPorts(s.tcp, known[p], plugin.GetPorts()); err != nil {
			return nil, err
		}
	}
	for _, p := range slices.Sorted(maps.Keys(all.GetAllUDP())) {
		plugin := all.GetUDP(p)
		if known[p] == nil {
			known[p] = &protocol{name: p.String(), pending: newPending(plugin)}
		}
		known[p].udp = plugin
		if err := addPorts(s.udp, known[p], plugin.GetPorts()); err != nil {
			return nil, err
		}
	}
	if isFor(icmpConfig, device) {
		return s, a.addICMP(s, icmpConfig)
	}
	return s, nil
}

func (a *analyzers) addICMP(s *set, cfg *conf.C) error {
	report, err := a.reporter.CreateReporter(cfg)
	if err != nil {
		return err
	}
	plugin, err := icmp.New(false, report, a.cfg.watcher(), cfg)
	if err != nil {
		return err
	}
	s.icmp = &protocol{name: "icmp", icmp: plugin, pending: newPending(plugin)}
	return nil
}

// addPorts enters an analyzer under its ports. packetbeat itself does not check
// that ports are within range: it checks how many there are.
func addPorts(table map[uint16]*protocol, p *protocol, ports []int) error {
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

// find returns the analyzer of a packet, nil if there is none.
func (s *set) find(p *feed.Packet) *protocol {
	switch p.Proto {
	case packet.ProtoTCP:
		return byPort(s.tcp, p)
	case packet.ProtoUDP:
		return byPort(s.udp, p)
	}
	return s.icmp
}

// byPort returns the analyzer of the source port or, as in packetbeat, failing that
// the one of the destination port.
func byPort(table map[uint16]*protocol, p *feed.Packet) *protocol {
	if f := table[p.SrcPort]; f != nil {
		return f
	}
	return table[p.DstPort]
}

func (c *config) watcher() *procs.ProcessesWatcher {
	if c.processes == nil {
		return &procs.ProcessesWatcher{} // finds no process
	}
	return c.processes
}
