package transaction

import (
	"fmt"
	"maps"
	"slices"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/beats/v7/libbeat/beat/events"
	"github.com/elastic/elastic-agent-libs/mapstr"

	"github.com/qubesbeat/qubesbeat/internal/event"
)

// identify gives an event of an analyzer its identity: that of all its fields, since each
// protocol has others. It must be called before anything that is not in the packets is
// added to them.
func identify(e *beat.Event, sensor string) {
	var id event.Identity
	id.Text(sensor)
	id.Text("transaction")
	id.Number(e.Timestamp.UnixNano())
	addFields(&id, e.Fields)
	s := id.String()
	_, _ = e.Fields.Put("event.id", s)
	e.Meta = mapstr.M{events.FieldMetaID: s}
}

// addFields adds the fields of an object in the order of their names.
func addFields(id *event.Identity, m map[string]any) {
	id.Number(int64(len(m)))
	for _, name := range slices.Sorted(maps.Keys(m)) {
		id.Text(name)
		addValue(id, m[name])
	}
}

func addValue(id *event.Identity, value any) {
	switch v := value.(type) {
	case mapstr.M:
		addFields(id, v)
	case map[string]any:
		addFields(id, v)
	case []any:
		id.Number(int64(len(v)))
		for _, e := range v {
			addValue(id, e)
		}
	case string:
		id.Text(v)
	default:
		id.Text(fmt.Sprint(v))
	}
}
