package summary

import (
	"time"

	"github.com/qubesbeat/qubesbeat/internal/ecs"
	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/quota"
	"github.com/qubesbeat/qubesbeat/internal/version"
)

// Document is the event that stands for those of one client which were left out.
type Document struct {
	*quota.Summary
}

var _ event.Document = Document{} // type check

// Time implements [event.Document].
func (d Document) Time() time.Time { return time.Unix(0, d.End).UTC() }

// Final implements [event.Document].
func (d Document) Final() bool { return true }

// Identify implements [event.Document].
func (d Document) Identify(id *event.Identity) {
	id.Text("summary")
	id.Text(d.Dataset)
	if d.Parties.Qube != nil {
		id.Text(d.Parties.Qube.Name)
	}
	id.Text(d.Parties.Interface)
	id.Number(d.Start)
	id.Number(d.End)
	id.Number(int64(d.Events))
	id.Number(int64(d.Size))
}

// Write implements [event.Document].
func (d Document) Write(w event.Writer) {
	w.String("type", "summary")
	d.writeEvent(w)
	d.writeSummary(w)
	ecs.Qube(w, &d.Parties)
	ecs.Observer(w, d.Parties.Interface, packet.Inbound)
}

func (d Document) writeEvent(w event.Writer) {
	w.Begin("event")
	w.String("kind", "metric")
	w.Strings("category", "network")
	w.Strings("type", "info")
	w.String("action", "events-summarized")
	w.String("reason", "the client has used its share of the output")
	w.String("module", version.Product)
	w.String("dataset", "qubesbeat.summary")
	w.Time("start", d.Start)
	w.Time("end", d.End)
	w.Uint("duration", uint64(max(d.End-d.Start, 0)))
	w.End()
}

func (d Document) writeSummary(w event.Writer) {
	w.Begin("summary")
	w.String("dataset", d.Dataset)
	w.Uint("events", d.Events)
	w.Uint("count", d.Count)
	w.Uint("bytes", d.Size)
	if d.Interim > 0 {
		w.Uint("interim", d.Interim)
	}
	if d.Spoofed > 0 {
		w.Uint("spoofed", d.Spoofed)
	}
	writeTraffic(w, "sent", d.Sent)
	writeTraffic(w, "received", d.Received)
	d.writeDistinct(w)
	if len(d.Outcomes) > 0 {
		w.BeginList("outcomes")
		for _, o := range d.Outcomes {
			w.Item()
			w.String("name", o.Name)
			w.Uint("count", o.Count)
			w.End()
		}
		w.EndList()
	}
	w.End()
}

// writeDistinct writes how many different peers, ports and names there were.
func (d Document) writeDistinct(w event.Writer) {
	if n := d.Peers(); n > 0 {
		w.Uint("peers", n)
	}
	if d.Highest > 0 {
		w.Begin("ports")
		w.Uint("distinct", d.Ports())
		w.Uint("lowest", uint64(d.Lowest))
		w.Uint("highest", uint64(d.Highest))
		w.End()
	}
	if n := d.Names(); n > 0 {
		w.Uint("names", n)
	}
}

// writeTraffic writes one direction, if there was any.
func writeTraffic(w event.Writer, name string, t event.Traffic) {
	if t.Packets == 0 {
		return
	}
	w.Begin(name)
	w.Uint("packets", t.Packets)
	w.Uint("bytes", t.Bytes)
	w.End()
}
