package config

import (
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// Detect describes what is reported as odd.
type Detect struct {
	// Enabled turns the detection on. Default true; it needs flows.
	Enabled bool `config:"enabled"`
	// Learn is how long a qube is watched before what is new for it is reported, on at least
	// three days and with 200 uses of destinations, or on twelve days. Default 7d.
	Learn Duration `config:"learn"`
	// Level is the lowest level that becomes an event: low, the default, medium, high or
	// critical.
	Level string `config:"level"`
	// Samples is how many names an event about names has, 0 to 3. Default 3.
	Samples int `config:"samples"`
	// Disposables says whose baseline applies to numbered disposables: that of their
	// template, the default, or of each.
	Disposables string `config:"disposables"`
	// Forget is after how long a destination that is not used is forgotten. Default 90d.
	Forget Duration `config:"forget"`
	// Settle is for how long the destination of a finding is not learned. Default 7d.
	Settle Duration `config:"settle"`
	// Repeat is after how long the same finding is reported again. Default 24h.
	Repeat Duration `config:"repeat"`
	// Disable turns rules off, by their ids.
	Disable []string `config:"disable"`
	// Allow are findings that are expected.
	Allow []DetectAllow `config:"allow"`
}

// DetectAllow describes findings that are expected. All conditions that are set must hold.
type DetectAllow struct {
	// Qubes are names or patterns of qubes.
	Qubes []string `config:"qubes"`
	// Labels are labels of qubes.
	Labels []string `config:"labels"`
	// Rules are ids of rules, or "*".
	Rules []string `config:"rules"`
	// Domains are registered domains.
	Domains []string `config:"domains"`
	// Networks are networks or addresses.
	Networks []string `config:"networks"`
	// Ports are ports of destinations.
	Ports []uint16 `config:"ports"`
	// Reason is why, for people.
	Reason string `config:"reason"`
}

// Empty reports whether the entry has no condition.
func (a *DetectAllow) Empty() bool {
	return len(a.Qubes)+len(a.Labels)+len(a.Rules)+len(a.Domains)+len(a.Networks)+len(a.Ports) == 0
}

// detectLevels and detectRules are what the settings may name.
var (
	detectLevels = []string{"low", "medium", "high", "critical"}
	detectRules  = []string{"beacon", "dns-tunnel", "dga", "first-seen", "long-connection", "upload", "lateral", "scan", "dns-bypass", "tls-odd",
		"direct-ip", "odd-port", "odd-hours", "icmp-tunnel"}
)

// DetectRules returns the ids of the rules that the settings may name.
func DetectRules() []string { return slices.Clone(detectRules) }

// defaultDetect are the settings of the detection if the file sets nothing.
func defaultDetect() Detect {
	const d = 24 * time.Hour
	return Detect{Enabled: true, Learn: Duration(7 * d), Level: "low", Samples: 3, Disposables: "template", Forget: Duration(90 * d),
		Settle: Duration(7 * d), Repeat: Duration(d)}
}

func (c *Config) checkDetect() error {
	p, s := Problems{Section: "detect"}, &c.Detect
	if !slices.Contains(detectLevels, s.Level) {
		p.Addf("level", "%q is not one of %v", s.Level, detectLevels)
	}
	if s.Disposables != "template" && s.Disposables != "each" {
		p.Addf("disposables", "%q is neither template nor each", s.Disposables)
	}
	p.Within("samples", s.Samples, 0, 3)
	p.atLeast("learn", s.Learn, time.Hour)
	p.atLeast("forget", s.Forget, 24*time.Hour)
	p.atLeast("repeat", s.Repeat, time.Minute)
	if s.Settle.D() < 0 {
		p.Addf("settle", "%v is negative; use 0 to learn the destinations of findings at once", s.Settle.D())
	}
	p.rules("disable", s.Disable)
	for i := range s.Allow {
		p.allow(fmt.Sprintf("allow.%d", i), &s.Allow[i])
	}
	return p.Err()
}

// rules adds ids that no rule has.
func (p *Problems) rules(key string, ids []string) {
	for _, id := range ids {
		if !slices.Contains(detectRules, id) {
			p.Addf(key, "%q is no rule; there are %v", id, detectRules)
		}
	}
}

// allow adds the problems of an entry.
func (p *Problems) allow(key string, a *DetectAllow) {
	if a.Empty() {
		p.Addf(key, "allows everything; give it qubes, labels, rules, domains, networks or ports")
	}
	p.patterns(key, a.Qubes)
	if !slices.Equal(a.Rules, []string{"*"}) {
		p.rules(key+".rules", a.Rules)
	}
	for _, n := range a.Networks {
		if _, err := ParseNetwork(n); err != nil {
			p.Addf(key+".networks", "%q is neither a network nor an address", n)
		}
	}
}

// ParseNetwork returns the network that a text names; that of one address for an address.
func ParseNetwork(text string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(text); err == nil {
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	return netip.ParsePrefix(text)
}
