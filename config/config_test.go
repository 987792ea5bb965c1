package config_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/elastic/go-ucfg"

	"github.com/qubesbeat/qubesbeat/config"
)

// unpack reads a tree over the defaults.
func unpack(tree map[string]any) (config.Config, error) {
	c := config.Default()
	raw, err := ucfg.NewFrom(tree)
	if err != nil {
		return c, err
	}
	return c, raw.Unpack(&c)
}

// TestConfig_Validate has a case for every rule; all faults are reported at
// once.
func TestConfig_Validate(t *testing.T) {
	t.Parallel()
	sec, negative := config.Duration(time.Second), -1
	one := func(n config.Interface) func(*config.Config) {
		return func(c *config.Config) { c.Interfaces = []config.Interface{config.DefaultInterface(), n} }
	}
	detect := func(change func(*config.Detect)) func(*config.Config) {
		return func(c *config.Config) { change(&c.Detect) }
	}
	packets := func(change func(*config.Packets)) func(*config.Config) {
		return func(c *config.Config) { change(&c.Packets) }
	}
	tests := []struct {
		name   string
		change func(*config.Config)
		want   []string
	}{
		{"default", func(*config.Config) {}, nil},
		{"default interface", func(c *config.Config) { c.Interfaces = []config.Interface{config.DefaultInterface()} }, nil},
		{"least", func(c *config.Config) {
			c.Flows.Timeout, c.Flows.Period, c.Flows.ActiveTimeout, c.Flows.MaxFlows, c.Stats.Period = sec, sec, sec, 1, sec
		}, nil},
		{"off", func(c *config.Config) { c.Flows.Period, c.Flows.ActiveTimeout, c.Stats.Period = -sec, 0, 0 }, nil},
		{"timeout", func(c *config.Config) { c.Flows.Timeout = sec - 1 }, []string{"flows.timeout: 999.999999ms is too short; use 1s or more"}},
		{"no timeout", func(c *config.Config) { c.Flows.Timeout = 0 }, []string{"flows.timeout: 0s"}},
		{"period", func(c *config.Config) { c.Flows.Period = 1 }, []string{"flows.period: 1ns is too short; use 1s or more, or -1s"}},
		{"active", func(c *config.Config) { c.Flows.ActiveTimeout = sec / 2 }, []string{"flows.active_timeout: 500ms is too short"}},
		{"no flows", func(c *config.Config) { c.Flows.MaxFlows = 0 }, []string{"flows.max_flows: 0 is not within"}},
		{"many flows", func(c *config.Config) { c.Flows.MaxFlows = 100_000_001 }, []string{"flows.max_flows: 100000001"}},
		{"stats", func(c *config.Config) { c.Stats.Period = sec / 2 }, []string{"stats.period: 500ms is too short"}},
		{"detect level", detect(func(d *config.Detect) { d.Level = "loud" }), []string{`detect.level: "loud" is not one of`}},
		{"detect disposables", detect(func(d *config.Detect) { d.Disposables = "off" }), []string{`detect.disposables: "off" is neither`}},
		{"detect samples", detect(func(d *config.Detect) { d.Samples = 4 }), []string{"detect.samples: 4 is not within 0 and 3"}},
		{"detect times", detect(func(d *config.Detect) { d.Learn, d.Forget, d.Repeat, d.Settle = 1, 1, 1, -1 }),
			[]string{"detect.learn: 1ns is too short", "detect.forget: 1ns", "detect.repeat: 1ns", "detect.settle: -1ns is negative"}},
		{"detect rules", detect(func(d *config.Detect) { d.Disable = []string{"beacons"} }), []string{`detect.disable: "beacons" is no rule`}},
		{"detect allow", detect(func(d *config.Detect) {
			d.Allow = []config.DetectAllow{{Reason: "x"}, {Rules: []string{"x"}, Networks: []string{"y"}, Qubes: []string{"["}}, {Rules: []string{"*"}}}
		}), []string{"detect.allow.0: allows everything", `detect.allow.1.rules: "x"`, `detect.allow.1.networks: "y"`, `detect.allow.1.qubes: "["`}},
		{"half a quota", func(c *config.Config) { c.Quota.BurstMB = 1 }, []string{"quota.per_day_mb: is not set; set both"}},
		{"other half", func(c *config.Config) { c.Quota.PerDayMB = 1 }, []string{"quota.burst_mb: is not set; set both"}},
		{"negative quota", func(c *config.Config) { c.Quota.PerDayMB, c.Quota.BurstMB = -1, 1 }, []string{"quota.per_day_mb: -1 is not within 0"}},
		{"type", one(config.Interface{Type: "dpdk"}), []string{`interfaces.1.type: "dpdk" is not known; use af_packet`}},
		{"packetbeat's types", one(config.Interface{Type: "pcap"}), nil},
		{"snaplen", one(config.Interface{Snaplen: -1}), []string{"interfaces.1.snaplen: -1 must not be negative"}},
		{"loop", one(config.Interface{Loop: &negative}), []string{"interfaces.1.loop: -1 must not be negative"}},
		{"loop for ever", one(config.Interface{Loop: new(int)}), nil},
		{"flows off", func(c *config.Config) { c.Flows.Enabled = false }, nil},
		{"memory", func(c *config.Config) { c.Transactions.MaxMemoryMB = 1 }, []string{"transactions.max_memory_mb: 1 is not within 4 and 65536"}},
		{"fanout", one(config.Interface{Type: "pcap", FanoutGroup: new(uint16)}), []string{"interfaces.1.fanout_group: only with type af_packet"}},
		{"no device", one(config.Interface{Device: []string{"eth0", ""}}), []string{"interfaces.1.device: a device needs a name"}},
		{"internal networks", one(config.Interface{InternalNets: []string{"bogus", "10.0.0.0/8", "private", "fd00::/8", "10.0.0.1"}}), []string{
			`interfaces.1.internal_networks: "bogus" is neither`, `interfaces.1.internal_networks: "10.0.0.1" is neither`}},
		{"internal networks that exist", one(config.Interface{InternalNets: []string{"10.0.0.0/8", "private", "fd00::/8"}}), nil},
		{"fanout, af_packet", one(config.Interface{Type: "af_packet", FanoutGroup: new(uint16)}), nil},
		{"shunt", one(config.Interface{Shunt: "always"}), []string{`interfaces.1.shunt: "always" is not known; use auto or off`}},
		{"no shunt", one(config.Interface{Shunt: "off"}), nil},
		{"no shunt, as YAML has it", one(config.Interface{Shunt: "false"}), nil},
		{"buffer", one(config.Interface{BufferSizeMB: 4097}), []string{"interfaces.1.buffer_size_mb: 4097 is not within 0 and 4096"}},
		{"a year", func(c *config.Config) { c.Inventory.Hold = config.Duration(10_000 * time.Hour) }, []string{"inventory.hold: 10000h0m0s is longer than a year"}},
		{"packets of no flow", func(c *config.Config) { c.Packets.Enabled, c.Flows.Enabled = true, false }, []string{"packets.enabled: packets are found by their flows"}},
		{"packets", packets(func(p *config.Packets) {
			p.Include = []config.Selector{{Qubes: []string{"work-*"}}}
			p.Quotas = []config.PacketQuota{{Quota: 2, Reserve: 1, Weight: 0.5}}
			p.MaxBytes, p.MaxAge, p.Snaplen = 128<<20, config.Duration(time.Minute), 131072
		}), nil},
		{"packets of anyone", packets(func(p *config.Packets) { p.Include, p.Exclude = make([]config.Selector, 1), make([]config.Selector, 1) }),
			[]string{"packets.include.0: selects nothing", "packets.exclude.0: selects nothing"}},
		{"packets, patterns", packets(func(p *config.Packets) {
			p.Include, p.Quotas = []config.Selector{{Qubes: []string{"a["}}}, []config.PacketQuota{{Qubes: []string{"b["}}}
		}), []string{`packets.include.0.qubes: "a[" is not a pattern`, `packets.quotas.0.qubes: "b[" is not a pattern`}},
		{"packets, quota", packets(func(p *config.Packets) {
			p.Quotas = []config.PacketQuota{{Quota: 1 << 30, Reserve: 2 << 30}, {Weight: -1}, {Weight: math.NaN()}}
		}), []string{"packets.quotas.0.reserve: 2GiB is more than the quota, 1GiB", "packets.quotas.1.weight: -1", "packets.quotas.2.weight: NaN"}},
		{"verify", func(c *config.Config) {
			c.Verify.Expect = []config.VerifyExpect{{Qubes: []string{"sys-vpn"}, Exit: "vpn", Protocol: "wireguard", Endpoints: []string{"203.0.113.9:51820/udp"}, OwnTraffic: []string{"ntp"}}}
			c.Verify.Isolation.Allow = []string{"sys-print>work"}
		}, nil},
		{"verify, values", func(c *config.Config) {
			c.Verify.Expect = []config.VerifyExpect{{Exit: "nowhere", Protocol: "pptp", Endpoints: []string{"vpn.example.com"}, OwnTraffic: []string{"dns"}}}
			c.Verify.Isolation.Allow, c.Verify.Window = []string{"work"}, 1
		}, []string{"verify.window: 1ns is too short", "verify.expect.0.qubes: names no qube", `verify.expect.0.exit: "nowhere"`, `verify.expect.0.protocol: "pptp"`,
			`verify.expect.0.endpoints: "vpn.example.com" is not an endpoint`, `verify.expect.0.own_traffic: "dns"`,
			"verify.expect.0.endpoints: is for exit: vpn", `verify.isolation.allow.0: "work" is not a pair`}},
		{"packets, sizes", packets(func(p *config.Packets) { p.Segment.Bytes, p.Memory, p.Snaplen = 1<<33, 1<<20, 131073 }),
			[]string{"packets.segment.bytes: 8GiB is not within 1MiB and 4GiB", "packets.memory: 1MiB is not within 2MiB and 4GiB", "packets.snaplen: 131073"}},
		{"packets, room", packets(func(p *config.Packets) { p.MaxBytes = 100 << 20 }), []string{"packets.max_bytes: 100MiB has no room for two segments of 64MiB"}},
		{"packets, times", packets(func(p *config.Packets) { p.Segment.Age, p.Flush, p.MaxAge, p.ForgetDisposables = sec, 1, sec, -sec }),
			[]string{"packets.segment.age: 1s is too short", "packets.flush: 1ns is too short", "packets.max_age: 1s is too short", "packets.forget_disposables: -1s"}},
		{"packets, keys", packets(func(p *config.Packets) {
			p.EncryptTo = []string{"age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kdh5rvpkqzyrg8e", "age1", "AGE-SECRET-KEY-1"}
		}),
			[]string{`packets.encrypt_to.1: "age1" is no public key of age`, "packets.encrypt_to.2: it is a private key"}},
		{"packets, way to compress", packets(func(p *config.Packets) { p.Compress = "gzip" }), []string{`packets.compress: "gzip" is no way to compress`}},
		{"packets, compressed and encrypted", packets(func(p *config.Packets) {
			p.Compress, p.EncryptTo = "zstd", []string{"age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kdh5rvpkqzyrg8e"}
		}), []string{"packets.compress: what is encrypted cannot be compressed"}},
		{"packets, a year", packets(func(p *config.Packets) { p.Segment.Age = config.Duration(10_000 * time.Hour) }), []string{"packets.segment.age: 10000h0m0s is longer than a year"}},
		{"all at once", func(c *config.Config) {
			*c = config.Config{Interfaces: []config.Interface{{Type: "x", BufferSizeMB: 9999}, {Loop: &negative}}}
		}, []string{"flows.timeout", "flows.max_flows", "interfaces.0.type", "interfaces.0.buffer_size_mb", "interfaces.1.loop"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := config.Default()
			tt.change(&c)
			err := c.Validate()
			if (err != nil) != (tt.want != nil) {
				t.Fatalf("Validate = %v; want %q", err, tt.want)
			}
			for _, part := range tt.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("Validate = %q; want %q in it", err, part)
				}
			}
		})
	}
}

// TestConfig_ucfg validates what it has unpacked by itself, and accepts scalars
// where a list is allowed.
func TestConfig_ucfg(t *testing.T) {
	t.Parallel()
	c, err := unpack(map[string]any{"interfaces": []any{map[string]any{"device": "vif*"}}, "inventory": map[string]any{"file": "/x"}})
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Interfaces) != 1 || len(c.Interfaces[0].Device) != 1 || c.Interfaces[0].Device[0] != "vif*" || c.Inventory.File != "/x" {
		t.Errorf("Unpack = %+v; want the interface and the file", c)
	}
	if _, err := unpack(map[string]any{"flows": map[string]any{"max_flows": 0}}); err == nil || !strings.Contains(err.Error(), "flows.max_flows") {
		t.Errorf("Unpack = %v; want the fault of Validate", err)
	}
}
