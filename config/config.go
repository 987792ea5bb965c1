// Package config holds the typed settings of qubesbeat, their defaults and their
// validation. It knows the structure of the settings and nothing of how they
// are read: the config tags are those of go-ucfg, which calls the Validate
// methods by itself.
package config

import (
	"errors"
	"fmt"
	"time"
)

// Config is the content of the `qubesbeat:` root. The zero value is not useful;
// start from [Default].
type Config struct {
	Interfaces []Interface `config:"interfaces"`
	Flows      Flows       `config:"flows"`
	Inventory  Inventory   `config:"inventory"`
	Resolver   Resolver    `config:"resolver"`
	Firewall   Firewall    `config:"firewall"`
	Stats      Stats       `config:"stats"`

	Transactions Transactions `config:"transactions"`
	Compat       Compat       `config:"compat"`

	// ShutdownTimeout bounds the wait for the output at the end.
	ShutdownTimeout Duration `config:"shutdown_timeout"`
}

// Interface says what to capture, in packetbeat's keys.
type Interface struct {
	Device          []string `config:"device"`
	Type            string   `config:"type"`
	Snaplen         int      `config:"snaplen"`
	BufferSizeMB    int      `config:"buffer_size_mb"`
	File            string   `config:"file"`
	Loop            *int     `config:"loop"` // nil: once; 0: for ever
	TopSpeed        bool     `config:"topspeed"`
	OneAtATime      bool     `config:"oneatatime"`
	InternalNets    []string `config:"internal_networks"`
	WithVLANs       bool     `config:"with_vlans"`
	AutoPromisc     bool     `config:"auto_promisc_mode"`
	BPFFilter       string   `config:"bpf_filter"`
	Dumpfile        string   `config:"dumpfile"`
	FanoutGroup     *uint16  `config:"fanout_group"`
	PollRoute       Duration `config:"poll_default_route"`
	MetricsInterval Duration `config:"metrics_interval"`
}

// Flows holds the settings of the flow table and of its events.
type Flows struct {
	Enabled            bool     `config:"enabled"`
	Timeout            Duration `config:"timeout"`
	Period             Duration `config:"period"`
	ActiveTimeout      Duration `config:"active_timeout"`
	MaxFlows           int      `config:"max_flows"`
	Delta              bool     `config:"enable_delta_flow_reports"`
	KeepNull           bool     `config:"keep_null"`
	AllowMismatchedEth bool     `config:"allow_mismatched_eth"`
	ServerNames        bool     `config:"server_names"`
	Index              string   `config:"index"`
}

// Transactions holds the settings of the analyzers that packetbeat does not have;
// what to analyze is in packetbeat's `protocols`.
type Transactions struct {
	MaxMemoryMB int `config:"max_memory_mb"`
}

// Compat brings back packetbeat's ways where an improvement could surprise a
// consumer of its events.
type Compat struct {
	Strict bool `config:"strict"`
}

// Inventory says where the names of the qubes come from.
type Inventory struct {
	File   string   `config:"file"`
	Fields []string `config:"fields"`
	Hold   Duration `config:"hold"`
	Qrexec Qrexec   `config:"qrexec"`
}

// Qrexec is the service by which dom0 pushes the inventory into the file.
type Qrexec struct {
	Enabled bool   `config:"enabled"`
	Socket  string `config:"socket"`
	Group   string `config:"group"` // that may use the socket
}

// Firewall says where verdicts come from.
type Firewall struct {
	Enabled    bool     `config:"enabled"`
	NFLogGroup uint16   `config:"nflog_group"` // 0 for none
	KernelLog  bool     `config:"kernel_log"`
	LogFiles   []string `config:"log_files"`
	ICMPErrors bool     `config:"icmp_errors"`
}

// Group returns the NFLOG group to read, 0 for none.
func (f *Firewall) Group() uint16 {
	if !f.Enabled {
		return 0
	}
	return f.NFLogGroup
}

// Stats holds the settings of the stats events.
type Stats struct {
	Period Duration `config:"period"`
}

// Default returns the settings that apply where the file says nothing. Those
// of packetbeat's keys are packetbeat's.
func Default() Config {
	return Config{
		Flows: Flows{
			Enabled:       true,
			Timeout:       Duration(30 * time.Second),
			Period:        Duration(10 * time.Second),
			ActiveTimeout: Duration(30 * time.Minute),
			MaxFlows:      500_000,
			ServerNames:   true,
		},
		Transactions:    Transactions{MaxMemoryMB: 64},
		Resolver:        defaultResolver(),
		Firewall:        Firewall{NFLogGroup: 53, ICMPErrors: true},
		Inventory:       Inventory{Hold: Duration(3 * time.Second), Qrexec: Qrexec{Socket: "/run/qubesbeat/inventory.sock", Group: "qubes"}},
		Stats:           Stats{Period: Duration(30 * time.Second)},
		ShutdownTimeout: Duration(10 * time.Second),
	}
}

// DefaultInterface returns the settings of an interface that names none. In the
// logging qube that is every vif; elsewhere, nothing would match "vif*" and the
// capture would wait for ever, so "any" is the better default: it means the
// vifs, where there are some.
func DefaultInterface() Interface {
	return Interface{Device: []string{"any"}, Type: "af_packet"}
}

// Validate returns all faults of the settings at once.
func (c *Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if m := c.Transactions.MaxMemoryMB; m < 4 || m > 65536 {
		bad("transactions.max_memory_mb: %d is not within 4 and 65536", m)
	}
	if c.Flows.Timeout.D() < time.Second {
		bad("flows.timeout: %v is too short; use 1s or more", c.Flows.Timeout.D())
	}
	if p := c.Flows.Period.D(); p > 0 && p < time.Second {
		bad("flows.period: %v is too short; use 1s or more, or -1s for final reports only", p)
	}
	if a := c.Flows.ActiveTimeout.D(); a > 0 && a < time.Second {
		bad("flows.active_timeout: %v is too short; use 1s or more, or 0 for none", a)
	}
	if n := c.Flows.MaxFlows; n < 1 || n > 100_000_000 {
		bad("flows.max_flows: %d is not within 1 and 100000000", n)
	}
	if p := c.Stats.Period.D(); p > 0 && p < time.Second {
		bad("stats.period: %v is too short; use 1s or more, or 0 for one event at the end", p)
	}
	if s := c.ShutdownTimeout.D(); s > 0 && s < time.Second {
		bad("shutdown_timeout: %v is too short to deliver the live flows; use 1s or more", s)
	}
	for _, d := range []Duration{c.Flows.Timeout, c.Flows.Period, c.Flows.ActiveTimeout, c.Stats.Period, c.ShutdownTimeout, c.Inventory.Hold} {
		if d.D() > year {
			bad("%v is longer than a year", d.D())
		}
	}
	for i := range c.Interfaces {
		errs = append(errs, c.Interfaces[i].validate(i))
	}
	if c.Resolver.On() {
		_, err := c.Resolver.Build([]string{"udp://127.0.0.1"}, "")
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// year bounds every duration, so that no sum of times overflows.
const year = 366 * 24 * time.Hour

func (n *Interface) validate(i int) error {
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("interfaces.%d."+format, append([]any{i}, args...)...))
	}
	switch n.Type {
	case "", "autodetect", "pcap", "af_packet":
	default:
		bad("type: %q is not known; use af_packet (pcap is accepted and means the same here)", n.Type)
	}
	if n.FanoutGroup != nil && n.Type != "af_packet" {
		bad("fanout_group: only with type af_packet")
	}
	if n.Snaplen < 0 || n.BufferSizeMB < 0 || n.Loop != nil && *n.Loop < 0 {
		bad("snaplen, buffer_size_mb and loop must not be negative")
	}
	if i > 0 && n.File != "" {
		bad("file: only the first interface can have one; give -I several times")
	}
	if n.BufferSizeMB > 4096 {
		bad("buffer_size_mb: %d is more than 4096", n.BufferSizeMB)
	}
	return errors.Join(errs...)
}
