package transaction

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/beats/v7/libbeat/processors"
	conf "github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/mapstr"

	"github.com/qubesbeat/qubesbeat/internal/spell"
	"github.com/qubesbeat/qubesbeat/module/transaction/wire"
)

// clientConfig has the keys that all sections of protocols share.
type clientConfig struct {
	Index      string                  `config:"index"`
	Event      mapstr.EventMetadata    `config:",inline"`
	Processors processors.PluginConfig `config:"processors"`
	KeepNull   bool                    `config:"keep_null"`
}

// connect opens the client of the pipeline for the events of a section.
func (p *publisher) connect(section int, cfg *conf.C) error {
	var c clientConfig
	if err := cfg.Unpack(&c); err != nil {
		return err
	}
	list, err := processors.New(c.Processors, p.cfg.deps.Logger)
	if err != nil {
		return err
	}
	normalize := false // the other process has done that
	settings := beat.ProcessingConfig{EventMetadata: c.Event, Processor: list, KeepNull: c.KeepNull,
		EventNormalization: &normalize}
	if c.Index != "" {
		settings.Meta = mapstr.M{"raw_index": c.Index}
	}
	client, err := p.cfg.deps.Connect(settings)
	if err != nil {
		return err
	}
	p.clients[section] = client
	return nil
}

// addSections numbers the sections of the configuration. It opens a client for each
// that is enabled, and adds all to the configuration of the analyzers.
func (s *Service) addSections(cfg *Config, to *wire.Config) error {
	to.Protocols = map[string]map[string]any{}
	number := 0
	for _, name := range slices.Sorted(maps.Keys(cfg.Protocols)) {
		number++
		section, err := s.addSection(number, name, cfg.Protocols[name])
		if err != nil {
			return fmt.Errorf("protocols: %s: %w", name, err)
		}
		to.Protocols[name] = section
	}
	for i, c := range cfg.List {
		number++
		section, err := s.addSection(number, "", c)
		if err != nil {
			return fmt.Errorf("protocols: %d: %w", i, err)
		}
		to.List = append(to.List, section)
	}
	return nil
}

// addSection returns the settings of a section, with its number.
func (s *Service) addSection(number int, name string, cfg *conf.C) (map[string]any, error) {
	section := map[string]any{}
	if err := cfg.Unpack(&section); err != nil {
		return nil, err
	}
	section[wire.SectionKey] = number
	s.warnUnknown(fmt.Sprint(cmp.Or(section["type"], any(name))))
	if !cfg.Enabled() {
		return section, nil
	}
	return section, s.publisher.connect(number, cfg)
}

// warnUnknown warns of a protocol without an analyzer, which packetbeat ignores
// silently. A section without a type is an error, which the analyzers report.
func (s *Service) warnUnknown(protocol string) {
	protocols := []string{"icmp", "dhcpv4", "dns", "http", "amqp", "cassandra", "memcache", "mysql", "pgsql", "redis", "thrift",
		"mongodb", "nfs", "tls", "sip"}
	if protocol == "" || slices.Contains(protocols, protocol) {
		return
	}
	nearest := slices.MinFunc(protocols, func(a, b string) int { return spell.Distance(protocol, a) - spell.Distance(protocol, b) })
	s.logger.Warnw("ignoring a protocol without an analyzer", "type", protocol, "nearest", nearest)
}
