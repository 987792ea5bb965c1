package transaction

import (
	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/elastic-agent-libs/mapstr"

	"github.com/qubesbeat/qubesbeat/internal/ecs"
	"github.com/qubesbeat/qubesbeat/internal/enrich"
	"github.com/qubesbeat/qubesbeat/internal/event"
)

// document writes the fields that are added to an analyzer's event.
type document struct {
	event.Document // only Write is called
	parties        event.Parties
	observation    enrich.Observation
	setDirection   bool
}

// addTo adds the fields to an event. sensor is observer.name.
func (d *document) addTo(e *beat.Event, sensor string) {
	e.Fields.DeepUpdate(mapstr.M(event.ToMap(&event.Signed{Document: d, Sensor: sensor})))
}

// Write implements [event.Document]. The direction is that of the qubes, if there
// are any: packetbeat, which compares with the machine's own addresses, calls all
// that a router forwards "unknown".
func (d *document) Write(w event.Writer) {
	w.Begin("source")
	ecs.Side(w, d.parties.SourceQube)
	w.End()
	w.Begin("destination")
	ecs.Side(w, d.parties.DestinationQube)
	w.End()
	if dir := d.parties.Direction; d.setDirection && dir != event.DirectionUnknown && dir != event.External {
		w.Begin("network")
		w.String("direction", dir.String())
		w.End()
	}
	ecs.Qube(w, &d.parties)
	ecs.Observer(w, d.parties.Interface, d.observation.FromSource)
}
