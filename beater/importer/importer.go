package importer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/beats/v7/libbeat/publisher/processing"
	conf "github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/logp"

	"github.com/qubesbeat/qubesbeat/beater/publish"
	"github.com/qubesbeat/qubesbeat/internal/safetext"
	"github.com/qubesbeat/qubesbeat/internal/task"
)

// Options are the settings of an import.
type Options struct {
	// Work is what is imported. It must not be nil.
	Work Work
	// Timeout is how long the output may acknowledge nothing before the import gives up.
	Timeout time.Duration
	// Stderr gets progress and the summary.
	Stderr io.Writer
	// Terminal says that Stderr is a terminal.
	Terminal bool
	// Configured, if not nil, is called when libbeat has read its configuration.
	Configured func()
}

// Work is a source of events. A work is used once.
type Work interface {
	// Open prepares the work. It may refuse the output.
	Open(r *Run) error
	// Read reads to the end, or until ctx ends.
	Read(ctx context.Context) error
	// Finish is called when all has been delivered that can be.
	Finish() error
	// Progress returns one line without its end. It is safe for concurrent use.
	Progress(elapsed time.Duration) string
	// Summary returns lines about the outcome.
	Summary(elapsed time.Duration) string
	// Incomplete returns why the work is not done although all that was published has
	// arrived, nil if it is.
	Incomplete() error
}

// Run is what a work gets of a beat.
type Run struct {
	Info     beat.Info
	Output   conf.Namespace
	Clients  *publish.Clients
	Delivery *publish.Delivery
	Log      *logp.Logger
}

// Processing adds nothing to events and calls Configured.
func (o *Options) Processing(info beat.Info, log *logp.Logger, cfg *conf.C) (processing.Supporter, error) {
	if o.Configured != nil {
		o.Configured()
	}
	return processing.MakeDefaultSupport(false, nil)(info, log, cfg)
}

// importer implements beat.Beater.
type importer struct {
	options  *Options
	pipeline *publish.DrainingPipeline
	form     publish.Form
	log      *logp.Logger

	late   chan struct{} // closed when no more acknowledgement is to be waited for
	giveUp sync.Once     // closes late

	mu      sync.Mutex
	refusal error // guarded by mu: why nothing may be sent to this output
}

var _ beat.Beater = (*importer)(nil) // type check

// Creator returns the function that libbeat calls to make the beater.
func Creator(o *Options) beat.Creator {
	return func(b *beat.Beat, _ *conf.C) (beat.Beater, error) {
		i := &importer{options: o, log: publish.SafeLogger(b.Info.Logger.Named("import")), late: make(chan struct{})}
		if !i.log.IsDebug() { // which prints maps
			i.form = publish.FormFor(b.Config.Output.Name(), b.Config.Output.Config())
		}
		i.pipeline = publish.Drain(b)
		return i, nil
	}
}

// Stop implements beat.Beater.
func (i *importer) Stop() { i.pipeline.Stop() }

// Run implements beat.Beater. It returns when the output has all events, or has not
// acknowledged any for too long.
func (i *importer) Run(b *beat.Beat) error {
	defer i.pipeline.End()
	i.pipeline.Begin() // an import that was stopped before says so at its end
	clients := &publish.Clients{Pipeline: i.pipeline.Pipeline, Form: i.form, Sensor: b.Info.Name, Local: publish.IsLocal(b.Config.Output.Name())}
	r := &Run{Info: b.Info, Output: b.Config.Output, Clients: clients, Log: i.log, Delivery: &publish.Delivery{Clients: clients, Timeout: i.options.Timeout,
		Libbeat: b.Monitoring.StatsRegistry().GetRegistry("libbeat"), Abort: func() { _ = i.pipeline.Abort() }}}
	err := i.options.Work.Open(r)
	if err == nil && r.Output.Name() == "elasticsearch" {
		err = refuseRolledOver(r.Info.Beat, i.refuse)
	}
	if err == nil {
		err = i.work(r)
	}
	return safetext.Error(err) // libbeat prints it
}

// gcPercent makes garbage small: 1,000,000 events took 107 to 147 MB with Go's 100.
const gcPercent = 50

// work reads, delivers, and prints the outcome.
func (i *importer) work(r *Run) error {
	if os.Getenv("GOGC") == "" { // little is alive at a time
		debug.SetGCPercent(gcPercent)
	}
	begun := time.Now()
	work := i.options.Work
	stopProgress := i.startProgress(begun)
	stopWatch := i.watch(r)
	fault := work.Read(i.pipeline.Context())
	stuck := stopWatch()
	ended, end := context.WithCancel(task.WithLate(context.Background(), i.late))
	end()
	_ = r.Delivery.Run(ended)
	stopProgress()
	if err := work.Finish(); err != nil {
		fault = errors.Join(fault, err)
	}
	fmt.Fprint(i.options.Stderr, work.Summary(time.Since(begun)))
	return errors.Join(fault, i.lost(r, stuck), work.Incomplete())
}

// refuse ends the import, because nothing may be sent to this output.
func (i *importer) refuse(why error) {
	i.mu.Lock()
	i.refusal = why
	i.mu.Unlock()
	i.stop()
	go func() { _ = i.pipeline.Abort() }() // which waits for the caller
}

// stop ends the work without a wait for what has not been acknowledged.
func (i *importer) stop() {
	i.pipeline.Stop()
	i.giveUp.Do(func() { close(i.late) })
}

// lost returns an error if events did not arrive.
func (i *importer) lost(r *Run, stuck bool) error {
	i.mu.Lock()
	refusal := i.refusal
	i.mu.Unlock()
	missing, refused := r.Clients.Missing(), r.Delivery.Failed()
	switch {
	case refusal != nil:
		return refusal
	case stuck || missing > 0 && i.pipeline.Context().Err() == nil:
		return fmt.Errorf("%d events did not reach the output, which has acknowledged nothing for %v; correct it and run the import again", missing, i.options.Timeout)
	case i.pipeline.Context().Err() != nil:
		return errors.New("stopped before the end; run the import again for the rest")
	case refused > 0:
		return fmt.Errorf("the output has refused %d events; its reasons are in the log of refused events below path.logs", refused)
	}
	return nil
}

// watch closes the pipeline if the output acknowledges nothing for too long, for a
// publisher that waits for room in the queue waits for ever. The function that it returns
// ends the watch and reports whether that has happened.
func (i *importer) watch(r *Run) (stop func() (stuck bool)) {
	quit, result := make(chan struct{}), make(chan bool, 1)
	go func() {
		ticker := time.NewTicker(min(time.Second, i.options.Timeout/4+1))
		defer ticker.Stop()
		moved, last := time.Now(), uint64(0)
		for {
			select {
			case <-quit:
				result <- false
				return
			case <-ticker.C:
			}
			if n := r.Clients.Acked(); n != last || r.Clients.Missing() == 0 {
				moved, last = time.Now(), n
			} else if time.Since(moved) > i.options.Timeout {
				i.stop()
				r.Delivery.Abort()
				result <- true
				return
			}
		}
	}()
	return func() bool { close(quit); return <-result }
}
