package importer

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/elastic/elastic-agent-libs/paths"

	"github.com/qubesbeat/qubesbeat/beater/publish"
	"github.com/qubesbeat/qubesbeat/internal/eventfile"
	"github.com/qubesbeat/qubesbeat/internal/eventimport"
)

// maxDays is how many days one import into Elasticsearch may have: each is a data stream
// with a shard, and a node has room for 1,000 (cluster.max_shards_per_node).
const maxDays = 400

// Events imports files of events. It implements [Work].
type Events struct {
	// Config has the files and the selection. The other fields are set by Open.
	Config eventimport.Config
	// Again sends what an earlier import has sent, too.
	Again bool

	run *Run
	it  *eventimport.Import
}

var _ Work = (*Events)(nil) // type check

// Open implements [Work].
func (e *Events) Open(r *Run) (err error) {
	e.run = r
	if err := e.refuseOwn(r); err != nil {
		return err
	}
	if !r.Log.IsDebug() {
		r.Clients.Form = publish.FormForLines(r.Output.Name(), r.Output.Config())
	}
	c := e.Config
	switch name := r.Output.Name(); {
	case name == "elasticsearch":
		c.MaxDays = maxDays
	case remembered(name) && !e.Again:
		if c.State, err = eventimport.OpenState(paths.Resolve(paths.Data, statePath(r.Output, &c.Filter))); err != nil {
			return err
		}
	}
	var out *publish.LineOutlet
	c.Refused = r.Delivery.Failed
	c.Publish = func(e *eventfile.Event) { out.Publish(publish.Line{Time: e.Time, ID: e.ID, Members: e.Members}) }
	e.it = eventimport.New(c)
	out, err = r.Clients.OpenLines(e.it.Acked)
	return err
}

// refuseOwn refuses to read from the folder that is written to: the same events would be
// there twice, and files may be deleted that are still to be read.
func (e *Events) refuseOwn(r *Run) error {
	dir := publish.Folder(r.Output)
	if dir == "" {
		return nil
	}
	for _, path := range e.Config.Files {
		if path != eventfile.Stdin && real(filepath.Dir(path)) == real(dir) {
			return fmt.Errorf("reading events: %s is in the folder of output.file; name another one with -E output.file.path=FOLDER", path)
		}
	}
	return nil
}

// real returns a path without symbolic links.
func real(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	if resolved, err := filepath.EvalSymlinks(path); err == nil {
		path = resolved
	}
	return path
}

// remembered reports whether it is remembered how far an import into an output has come:
// these take an event twice. One prints, and Elasticsearch knows events by their ids.
func remembered(output string) bool {
	return slices.Contains([]string{publish.FileOutput, "kafka", "redis", "logstash"}, output)
}

// Read implements [Work].
func (e *Events) Read(ctx context.Context) error { return e.it.Run(ctx) }

// Finish implements [Work].
func (e *Events) Finish() error { return e.it.Finish() }

// Progress implements [Work].
func (e *Events) Progress(elapsed time.Duration) string { return e.it.Counts().Progress(elapsed) }

// Summary implements [Work].
func (e *Events) Summary(elapsed time.Duration) string {
	o := eventimport.Outcome{Refused: e.run.Delivery.Failed(), Missing: e.run.Clients.Missing(), Elapsed: elapsed}
	if e.run.Output.Name() == "elasticsearch" {
		o.KnowsDuplicates, o.Duplicates = true, e.run.Delivery.Duplicates()
	}
	return e.it.Counts().Summary(o)
}

// Incomplete implements [Work].
func (e *Events) Incomplete() error {
	if n := e.it.Counts().Unreadable; n > 0 {
		return fmt.Errorf("%d lines are unreadable and were left out", n)
	}
	return nil
}
