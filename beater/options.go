package beater

import (
	"github.com/qubesbeat/qubesbeat/beater/settings"

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
	// refused are the files with the events that the output has refused, "" if the output
	// keeps none.
	refused string
}

// Processing is packetbeat's own processing, and host.id: ecs.version, host.name and
// agent.* on every event, then the user's processors. It notes whether there are any.
func (o *Options) Processing() processing.SupportFactory {
	return func(info beat.Info, log *logp.Logger, cfg *conf.C) (processing.Supporter, error) {
		if o.Configured != nil {
			o.Configured()
		}
		o.refused = publish.ExplainOutput(info, cfg)
		for _, key := range []string{"processors", "fields", "tags", "timeseries"} {
			o.touched = o.touched || cfg.HasField(key)
		}
		// The disk queue stores events: a document must be a map by then.
		o.touched = o.touched || publish.Has(cfg, "queue.disk")
		for _, output := range publish.Outputs(cfg) {
			o.touched = o.touched || publish.Has(cfg, "output."+output+".queue.disk")
		}
		fields := mapstr.M{"ecs": mapstr.M{"version": ecs.Version}}
		if id := publish.HostID("/etc/machine-id"); id != "" {
			fields["host"] = mapstr.M{"id": id}
		}
		support := processing.MakeDefaultSupport(false, nil, processing.WithFields(fields), processing.WithHost, processing.WithAgentMeta())
		return support(info, log, cfg)
	}
}

// Overrides are the settings that apply where the user has not set them.
func (o *Options) Overrides() []cfgfile.ConditionalOverride {
	return publish.Overrides(&o.Files, settings.CommandLine, func() bool { return len(o.Flags.Files) > 0 })
}

// form returns the form of the documents in libbeat's pipeline: maps if anything looks
// into every event, such as a processor, and else what the output can read.
func (o *Options) form(b *beat.Beat, s *settings.Settings, log *logp.Logger) publish.Form {
	c := &s.FlowEvents
	if o.touched || len(c.Processors) > 0 || len(c.Fields) > 0 || len(c.Tags) > 0 || c.Index != "" || log.IsDebug() {
		return publish.Form{}
	}
	return publish.FormFor(b.Config.Output.Name(), b.Config.Output.Config())
}
