// Package stats turns the beat's counters into documents, so that losses are visible in
// the data itself. Counters are totals since the start: the difference between two
// documents covers the time between them.
package stats

import (
	"time"

	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/version"
)

// Document is a stats event.
type Document struct {
	event.Stats
}

var _ event.Document = (*Document)(nil) // type check

// Time implements [event.Document].
func (d *Document) Time() time.Time { return d.At }

// Final implements [event.Document].
func (d *Document) Final() bool { return d.Last }

// Identify implements [event.Document].
func (d *Document) Identify(id *event.Identity) {
	id.Text("stats")
	id.Number(d.Started.UnixNano())
	id.Number(d.At.UnixNano())
}

// Write implements [event.Document]. The counters of a group must be adjacent.
func (d *Document) Write(w event.Writer) {
	w.String("type", "stats")
	w.Begin("event")
	w.String("kind", "metric")
	w.Strings("category", "host")
	w.Strings("type", "info")
	w.String("module", version.Product)
	w.String("dataset", "qubesbeat.stats")
	w.Time("start", d.Started.UnixNano())
	w.Time("end", d.At.UnixNano())
	w.End()
	w.Begin("stats")
	w.Bool("last", d.Last)
	group := ""
	for _, c := range d.Counters {
		if c.Group != group {
			if group != "" {
				w.End()
			}
			group = c.Group
			w.Begin(group)
		}
		if c.Text != "" {
			w.String(c.Name, c.Text)
		} else {
			w.Uint(c.Name, c.Value)
		}
	}
	if group != "" {
		w.End()
	}
	w.End()
	w.Begin("observer")
	w.String("product", version.Product)
	w.String("version", version.Version)
	w.End()
}
