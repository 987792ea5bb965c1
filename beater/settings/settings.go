package settings

import (
	"errors"
	"flag"
	"fmt"
	"path/filepath"

	"github.com/elastic/beats/v7/libbeat/cfgfile"
	"github.com/elastic/beats/v7/libbeat/processors"
	packetbeat "github.com/elastic/beats/v7/packetbeat/config"
	conf "github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/mapstr"

	"github.com/qubesbeat/qubesbeat/config"
	"github.com/qubesbeat/qubesbeat/module/dns"
)

// Settings are the typed configuration and the parts of it whose types are
// libbeat's.
type Settings struct {
	config.Config
	DNS        *dns.Settings // nil without a resolver
	FlowEvents ClientSettings
	Upstream   packetbeat.Config // protocols, procs and ignore_outgoing, as packetbeat reads them
	Warnings   []error           // unknown keys that are ignored
}

// values are the settings without [config.Config.Validate], which go-ucfg would
// call: the problems of all parts are to be reported together.
type values config.Config

// ClientSettings are the keys that every publishing section shares.
type ClientSettings struct {
	mapstr.EventMetadata `config:",inline"`
	Processors           processors.PluginConfig `config:"processors"`
	KeepNull             bool                    `config:"keep_null"`
	Index                string                  `config:"index"`
}

// Read checks the keys under root and reads their values.
func Read(root string, raw *conf.C) (*Settings, error) {
	tree := map[string]any{}
	if err := raw.Unpack(&tree); err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	warnings, err := config.Check(root, tree, Files())
	if err != nil {
		return nil, err
	}
	if err := config.Foreign(root, Files()); err != nil {
		return nil, err
	}
	s := &Settings{Config: config.Default(), Warnings: warnings}
	// In packetbeat, no section means no flows.
	s.Flows.Enabled = root != "packetbeat" || raw.HasField("flows")
	if err := unwrapInterfaces(raw); err != nil {
		return nil, err
	}
	if err := raw.Unpack((*values)(&s.Config)); err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	if err := s.validate(); err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", config.Locate(root, Files(), err))
	}
	s.FillInterfaces()
	if s.ShutdownTimeout <= 0 { // packetbeat's default, which means something else there
		s.ShutdownTimeout = config.Default().ShutdownTimeout
	}
	if err := s.readUpstream(raw); err != nil {
		return nil, err
	}
	if err := s.readFlowEvents(raw); err != nil {
		return nil, err
	}
	return s, nil
}

// validate checks the values of every part and reports all problems at once. It
// opens nothing.
func (s *Settings) validate() (err error) {
	if s.Resolver.On() {
		s.DNS, err = dns.Parse(&s.Resolver)
	}
	return errors.Join(s.Config.Validate(), err)
}

// readFlowEvents reads the keys that the flows section has as a libbeat input.
func (s *Settings) readFlowEvents(raw *conf.C) error {
	if !raw.HasField("flows") {
		return nil
	}
	flows, err := raw.Child("flows", -1)
	if err == nil {
		err = flows.Unpack(&s.FlowEvents)
	}
	if err != nil {
		return fmt.Errorf("reading the configuration: flows: %w", err)
	}
	return nil
}

// readUpstream reads the sections that packetbeat's own code works with, with
// packetbeat's own types, so that defaults and faults are the same.
func (s *Settings) readUpstream(raw *conf.C) error {
	own := conf.NewConfig()
	for _, key := range []string{"protocols", "procs"} {
		if !raw.HasField(key) {
			continue
		}
		section, err := raw.Child(key, -1)
		if err != nil {
			continue // null, as if the key were absent
		}
		if err := own.SetChild(key, -1, section); err != nil {
			return fmt.Errorf("reading the configuration: %s: %w", key, err)
		}
	}
	var err error
	if s.Upstream, err = (packetbeat.Config{}).FromStatic(own); err != nil {
		return fmt.Errorf("reading the configuration: %w", err)
	}
	if raw.HasField("ignore_outgoing") {
		if s.Upstream.IgnoreOutgoing, err = raw.Bool("ignore_outgoing", -1); err != nil {
			return fmt.Errorf("reading the configuration: ignore_outgoing: %w", err)
		}
	}
	return nil
}

// unwrapInterfaces makes a list of a single interface, as packetbeat accepts
// both.
func unwrapInterfaces(raw *conf.C) error {
	if !raw.HasField("interfaces") {
		return nil
	}
	one, err := raw.Child("interfaces", -1)
	if err != nil || one.IsArray() {
		return nil //nolint:nilerr // Unpack names the fault better
	}
	list := conf.NewConfig()
	if err := list.SetChild("interfaces", 0, one); err != nil {
		return fmt.Errorf("reading the configuration: interfaces: %w", err)
	}
	if _, err := raw.Remove("interfaces", -1); err != nil {
		return fmt.Errorf("reading the configuration: interfaces: %w", err)
	}
	return raw.Merge(list)
}

// Files returns the files that the settings were read from, for error
// messages.
func Files() (files []string) {
	f := flag.Lookup("c")
	if f == nil {
		return nil
	}
	list, ok := f.Value.(*conf.StringsFlag)
	if !ok {
		return nil
	}
	for _, name := range list.List() {
		if !filepath.IsAbs(name) {
			name = filepath.Join(cfgfile.GetPathConfig(), name)
		}
		files = append(files, name)
	}
	return files
}
