package beater

import (
	"flag"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/beats/v7/libbeat/cfgfile"
	"github.com/elastic/beats/v7/libbeat/ecs"
	"github.com/elastic/beats/v7/libbeat/publisher/processing"
	conf "github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/logp"
	"github.com/elastic/elastic-agent-libs/mapstr"

	"github.com/qubesbeat/qubesbeat/beater/publish"
)

// Options carry what is known before libbeat makes the beater.
type Options struct {
	Flags *Flags
	// Files are those of the file output.
	Files publish.Files
	// Checking makes the beater look at the files and directories that the settings
	// name, and try the protocol analyzers. It is set by `test config`.
	Checking bool
	// Configured, if not nil, is called when libbeat has read its configuration and has
	// looked up the name of this machine, before it makes the outputs.
	Configured func()
	// touched reports that the configuration asks for processors or fields that
	// look into every event.
	touched bool
}

// Processing is packetbeat's own processing: ecs.version, host.name and agent.*
// on every event, then the user's processors. It notes whether there are any.
func (o *Options) Processing() processing.SupportFactory {
	inner := processing.MakeDefaultSupport(false, nil, processing.WithFields(mapstr.M{
		"ecs": mapstr.M{"version": ecs.Version},
	}), processing.WithHost, processing.WithAgentMeta())
	return func(info beat.Info, log *logp.Logger, cfg *conf.C) (processing.Supporter, error) {
		if o.Configured != nil {
			o.Configured()
		}
		for _, key := range []string{"processors", "fields", "tags", "timeseries"} {
			o.touched = o.touched || cfg.HasField(key)
		}
		// The disk queue stores events: a document must be a map by then.
		for _, key := range []string{"queue.disk", "output." + publish.FileOutput + ".queue.disk", "output.discard.queue.disk"} {
			o.touched = o.touched || has(cfg, key)
		}
		return inner(info, log, cfg)
	}
}

// Overrides shortens the time that a batch waits to become full, where the user
// has not said anything about the queue: 10 s, libbeat's default, is right for
// a fleet in front of one cluster and too long for one person in front of a
// file. A replay has nothing to wait for at all.
//
// A file output becomes ours, and gets our codec unless it has one: the same JSON, see
// codec.
func (o *Options) Overrides() []cfgfile.ConditionalOverride {
	flush := func(timeout string, replay bool) cfgfile.ConditionalOverride {
		return cfgfile.ConditionalOverride{
			Check: func(c *conf.C) bool {
				return replay == (len(o.Flags.Files) > 0) && !saysQueue(c) && !saysQueue(commandLine())
			},
			Config: conf.MustNewConfigFrom(map[string]any{"queue.mem.flush.timeout": timeout}),
		}
	}
	const output = "output." + publish.FileOutput
	file := cfgfile.ConditionalOverride{
		// libbeat calls this before it merges the file and the command line, which is
		// the one moment at which a key can still be renamed.
		Check: func(c *conf.C) bool {
			o.Files.Adopt(c)
			o.Files.Adopt(commandLine())
			return has(c, output) && !has(c, output+".codec") && !has(commandLine(), output+".codec")
		},
		Config: conf.MustNewConfigFrom(map[string]any{output + ".codec": map[string]any{publish.CodecName: map[string]any{}}}),
	}
	return []cfgfile.ConditionalOverride{flush("1s", false), flush("20ms", true), file}
}

// has reports whether c holds a dotted key.
func has(c *conf.C, key string) bool {
	if c == nil {
		return false
	}
	found, err := c.Has(key, -1)
	return err == nil && found
}

func saysQueue(c *conf.C) bool {
	if c == nil {
		return false
	}
	if c.HasField("queue") {
		return true
	}
	out, err := c.Child("output", -1)
	if err != nil {
		return false
	}
	for _, name := range out.GetFields() {
		if one, err := out.Child(name, -1); err == nil && one.HasField("queue") {
			return true
		}
	}
	return false
}

// commandLine returns the settings of -E, nil where there are none.
func commandLine() *conf.C {
	if f := flag.Lookup("E"); f != nil {
		if v, ok := f.Value.(*conf.SettingsFlag); ok {
			return v.Config()
		}
	}
	return nil
}

// plainOutput reports whether only our own codec will read the fields of an event,
// so that documents need not become maps: no processor, no added field, and an
// output that takes no part of its address from the event.
func (o *Options) plainOutput(b *beat.Beat, s *settings, log *logp.Logger) bool {
	c := &s.flowEvents
	if o.touched || len(c.Processors) > 0 || len(c.Fields) > 0 || len(c.Tags) > 0 || c.Index != "" || log.IsDebug() {
		return false
	}
	switch b.Config.Output.Name() {
	case "discard":
		return true
	case publish.FileOutput:
		return has(b.Config.Output.Config(), "codec."+publish.CodecName)
	}
	return false
}
