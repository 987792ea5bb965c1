package config

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Interface describes what to capture, in packetbeat's keys.
type Interface struct {
	// Device lists names, patterns such as vif*, numbers as `qubesbeat devices` shows
	// them, or any, default_route, default_route_ipv4, default_route_ipv6. Empty for
	// that of [DefaultInterface].
	Device []string `config:"device"`
	// Type is af_packet. pcap, autodetect and empty are accepted and mean the same.
	Type string `config:"type"`
	// Snaplen is how many bytes are kept of a packet that an analyzer or the dump
	// wants. Default 0, which means all.
	Snaplen int `config:"snaplen"`
	// BufferSizeMB is the memory for packets that wait to be metered, in MiB, up to
	// 4096. 0, the default, for 24.
	BufferSizeMB int `config:"buffer_size_mb"`
	// File is a capture file (pcap, pcapng) to read instead of capturing. Empty, the
	// default, to capture. Only the first interface can have one.
	File string `config:"file"`
	// Loop is how often File is read; 0 for ever. nil, the default, for once.
	Loop *int `config:"loop"`
	// TopSpeed reads File as fast as possible, not at the speed at which it was
	// recorded. Default false.
	TopSpeed bool `config:"topspeed"`
	// OneAtATime reads a packet of File at each press of Enter. Default false.
	OneAtATime bool `config:"oneatatime"`
	// InternalNets is what is internal for network.direction of transactions:
	// networks, or names such as private. Empty, the default, for the directions of
	// the qubes. Only that of the first interface is used.
	InternalNets []string `config:"internal_networks"`
	// WithVLANs is accepted for packetbeat's sake and changes nothing: VLAN tags are
	// always read.
	WithVLANs bool `config:"with_vlans"`
	// AutoPromisc puts the named devices into promiscuous mode while they are
	// captured from. Default false.
	AutoPromisc bool `config:"auto_promisc_mode"`
	// BPFFilter is a filter in the language of tcpdump for live captures. Empty, the
	// default, for all packets.
	BPFFilter string `config:"bpf_filter"`
	// Dumpfile is the prefix of files that all captured packets are written to. Empty,
	// the default, for none.
	Dumpfile string `config:"dumpfile"`
	// FanoutGroup is the af_packet group with whose other processes the packets are
	// shared. nil, the default, for none.
	FanoutGroup *uint16 `config:"fanout_group"`
	// Shunt is auto, or off: the packets of flows that move bulk are counted in the kernel
	// instead of being captured, or not. Empty, the default, means auto. One interface
	// with off turns it off for all.
	Shunt string `config:"shunt"`
	// PollRoute is accepted for packetbeat's sake and changes nothing: routes are
	// followed through netlink.
	PollRoute Duration `config:"poll_default_route"`
	// MetricsInterval is accepted for packetbeat's sake and changes nothing.
	MetricsInterval Duration `config:"metrics_interval"`
}

// NoShunt reports whether Shunt is off, which a YAML parser may have read as false.
func (n *Interface) NoShunt() bool { return n.Shunt == "off" || n.Shunt == "false" }

// DefaultInterface returns the settings of an interface that names no device. In
// the logging qube that should be every vif; elsewhere nothing would match "vif*"
// and the capture would wait for ever, so "any" is the better default: it means
// the vifs if there are some.
func DefaultInterface() Interface {
	return Interface{Device: []string{"any"}, Type: "af_packet"}
}

// validate checks the interface at position i of the list.
func (n *Interface) validate(i int) error {
	p := Problems{Section: fmt.Sprintf("interfaces.%d", i)}
	switch n.Type {
	case "", "autodetect", "pcap", "af_packet":
	default:
		p.Addf("type", "%q is not known; use af_packet (pcap is accepted and means the same here)", n.Type)
	}
	switch n.Shunt {
	case "", "auto", "off", "true", "false":
	default:
		p.Addf("shunt", "%q is not known; use auto or off", n.Shunt)
	}
	if n.FanoutGroup != nil && n.Type != "af_packet" {
		p.Addf("fanout_group", "only with type af_packet")
	}
	if n.Snaplen < 0 {
		p.Addf("snaplen", "%d must not be negative", n.Snaplen)
	}
	if n.Loop != nil && *n.Loop < 0 {
		p.Addf("loop", "%d must not be negative", *n.Loop)
	}
	if i > 0 && n.File != "" {
		p.Addf("file", "only the first interface can have one; give -I several times")
	}
	p.Within("buffer_size_mb", n.BufferSizeMB, 0, 4096)
	n.validateNames(&p)
	return p.Err()
}

// networkNames are the networks that packetbeat knows by name.
var networkNames = []string{"loopback", "global_unicast", "unicast", "link_local_unicast", "interface_local_multicast",
	"link_local_multicast", "multicast", "unspecified", "private", "public"}

func (n *Interface) validateNames(p *Problems) {
	if slices.Contains(n.Device, "") && n.File == "" {
		p.Addf("device", "a device needs a name, a number, or a pattern such as \"vif*\"; `qubesbeat devices` lists them")
	}
	for _, name := range n.Device {
		if n.File == "" && isNoName(name) {
			p.Addf("device", "no interface can be called %q: a name has up to 15 characters and no spaces; `qubesbeat devices` lists them", name)
		}
	}
	for _, text := range n.InternalNets {
		if _, err := netip.ParsePrefix(text); err != nil && !slices.Contains(networkNames, text) {
			p.Addf("internal_networks", "%q is neither a network such as 10.0.0.0/8 nor one of %s", text, strings.Join(networkNames, ", "))
		}
	}
}

// maxDevice is the length of the longest name of an interface (IFNAMSIZ).
const maxDevice = 15

// isNoName reports whether a device can neither be the name of an interface nor a pattern
// of names nor default_route.
func isNoName(device string) bool {
	if strings.ContainsAny(device, " \t\r\n/") {
		return true
	}
	return len(device) > maxDevice && !strings.ContainsAny(device, `*?[\`) && !strings.HasPrefix(device, "default_route")
}

// FillInterfaces gives every interface its device, and makes one if none is configured.
func (c *Config) FillInterfaces() {
	if len(c.Interfaces) == 0 {
		c.Interfaces = []Interface{DefaultInterface()}
	}
	for i := range c.Interfaces {
		if len(c.Interfaces[i].Device) == 0 {
			c.Interfaces[i].Device = DefaultInterface().Device
		}
	}
}
