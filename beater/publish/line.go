package publish

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/beats/v7/libbeat/beat/events"
	"github.com/elastic/elastic-agent-libs/mapstr"
)

// Line is an event that was written before, by this or another Beat.
type Line struct {
	Time time.Time
	ID   string // under which the output stores it
	// Members are its fields as JSON, without the braces. The string "type" comes first.
	// They must not change any more.
	Members []byte
}

// lineFields are the fields of a line in libbeat's pipeline where they need not become a
// map.
type lineFields struct {
	members []byte
	copies  []string // names of fields beside it that are no fields of the event
}

// LineOutlet publishes events that were written before. It is used by one goroutine.
type LineOutlet struct {
	client beat.Client
	form   Form
}

// OpenLines connects an outlet. acked is called with the number of further events that
// the output has, in their order, from another goroutine.
func (o *Clients) OpenLines(acked func(n int)) (*LineOutlet, error) {
	listener := &lineListener{ackCounter: o.count(), acked: acked}
	client, err := o.Pipeline.ConnectWith(beat.ClientConfig{PublishMode: beat.GuaranteedSend, EventListener: listener, ClientListener: listener})
	if err != nil {
		return nil, fmt.Errorf("connecting to the publisher: %w", err)
	}
	o.OnClose(func() { _ = client.Close() })
	return &LineOutlet{client, o.Form}, nil
}

// lineListener counts, and passes on what was acknowledged.
type lineListener struct {
	*ackCounter
	acked func(n int)
}

var _ beat.EventListener = (*lineListener)(nil) // type check

// ACKEvents implements [beat.EventListener].
func (l *lineListener) ACKEvents(n int) {
	l.ackCounter.ACKEvents(n)
	l.acked(n)
}

// Publish hands an event on. It blocks while libbeat's queue is full. No field is added or
// changed, and of libbeat's metadata the event has its id only.
func (o *LineOutlet) Publish(l Line) {
	o.client.Publish(beat.Event{Timestamp: l.Time, Meta: mapstr.M{events.FieldMetaID: l.ID}, Fields: o.form.line(l.Members)})
}

// line returns the fields of an event that was written before.
func (f Form) line(members []byte) mapstr.M {
	switch {
	case f.kind == asStream:
		return mapstr.M{firstField: streamedLine(members)}
	case f.kind == asDocument && len(f.addresses) == 0:
		return mapstr.M{documentField: lineFields{members: members}}
	}
	all := mapOf(members)
	if f.kind == asMap {
		return all
	}
	fields, copies := mapstr.M{}, []string(nil)
	for _, name := range f.addresses {
		if value, err := all.GetValue(name); err == nil {
			_, _ = fields.Put(name, value)
		}
	}
	for name := range fields {
		copies = append(copies, name)
	}
	fields[documentField] = lineFields{members, copies}
	return fields
}

// mapOf returns the fields as a map.
func mapOf(members []byte) mapstr.M {
	d := json.NewDecoder(bytes.NewReader(object(members)))
	d.UseNumber()
	all := mapstr.M{}
	_ = d.Decode(&all) // the line was checked when it was read
	for name, value := range all {
		all[name] = withNumbers(value)
	}
	return all
}

// object returns the text of an object.
func object(members []byte) []byte {
	text := append(make([]byte, 0, len(members)+2), '{')
	return append(append(text, members...), '}')
}

// withNumbers returns a value in which numbers are integers, if they are in the text.
func withNumbers(value any) any {
	switch v := value.(type) {
	case json.Number:
		return numberOf(string(v))
	case []any:
		for i := range v {
			v[i] = withNumbers(v[i])
		}
	case map[string]any:
		for name := range v {
			v[name] = withNumbers(v[name])
		}
		return mapstr.M(v)
	}
	return value
}
