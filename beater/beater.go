package beater

import (
	"fmt"

	"github.com/qubesbeat/qubesbeat/beater/settings"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/beats/v7/libbeat/processors"
	conf "github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/logp"

	"github.com/qubesbeat/qubesbeat/beater/publish"
	"github.com/qubesbeat/qubesbeat/internal/safetext"
)

// Qubesbeat implements beat.Beater.
type Qubesbeat struct {
	settings *settings.Settings
	options  *Options
	log      *logp.Logger
	pipeline *publish.DrainingPipeline
	form     publish.Form // of the documents in the pipeline
}

var _ beat.Beater = (*Qubesbeat)(nil) // type check

// Creator returns the function that libbeat calls to make the beater.
func Creator(options *Options) beat.Creator {
	return func(b *beat.Beat, raw *conf.C) (beat.Beater, error) {
		return newBeater(b, raw, options)
	}
}

// newBeater checks the values of the settings. It opens nothing, because libbeat
// makes a beater for `setup`, too, unless `test config` asks it to.
func newBeater(b *beat.Beat, raw *conf.C, options *Options) (*Qubesbeat, error) {
	log := publish.SafeLogger(b.Info.Logger.Named("qubesbeat"))
	s, err := settings.Read(b.Info.Beat, raw)
	if err != nil {
		return nil, err
	}
	if options.Checking { // a start finds the same when it opens them
		replay := len(options.Flags.merge(&s.Interfaces[0]).Files) > 0
		if err := check(s, b.Info.Beat, replay, b.Info.Logger); err != nil {
			return nil, err
		}
	}
	for _, w := range s.Warnings {
		log.Warnw("ignoring unknown configuration key", "key", w.Error())
	}
	q := &Qubesbeat{settings: s, options: options, log: log}
	q.form = options.form(b, s, log)
	q.pipeline = publish.Drain(b)
	return q, nil
}

// Stop implements beat.Beater.
func (q *Qubesbeat) Stop() { q.pipeline.Stop() }

// Run implements beat.Beater. It returns when the capture files have ended, when
// the beat is stopped or when a service fails; everything that was metered
// until then has been handed to the output.
func (q *Qubesbeat) Run(b *beat.Beat) error {
	defer q.pipeline.End()
	if !q.pipeline.Begin() {
		return nil
	}
	r, err := q.newRun(b)
	if err == nil {
		err = r.run(q.pipeline.Context())
	}
	return safetext.Error(err) // libbeat prints it
}

// flowProcessing makes the part of the event processing that the flows section of
// the configuration asks for. Each client needs its own processors.
func (q *Qubesbeat) flowProcessing() (beat.ProcessingConfig, error) {
	return flowProcessing(q.settings, q.log)
}

func flowProcessing(s *settings.Settings, log *logp.Logger) (beat.ProcessingConfig, error) {
	c := &s.FlowEvents
	p := beat.ProcessingConfig{EventMetadata: c.EventMetadata, KeepNull: c.KeepNull}
	if c.Index != "" {
		p.Meta = map[string]any{"raw_index": c.Index}
	}
	if len(c.Processors) > 0 {
		list, err := processors.New(c.Processors, log)
		if err != nil {
			return p, fmt.Errorf("reading the configuration: flows.processors: %w", err)
		}
		p.Processor = list
	}
	return p, nil
}
