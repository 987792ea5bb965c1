package publish

import (
	"fmt"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/beats/v7/libbeat/beat/events"
	"github.com/elastic/elastic-agent-libs/mapstr"

	"github.com/qubesbeat/qubesbeat/internal/event"
)

// Clients are the clients of libbeat's pipeline. Each kind of event has its own,
// because a client serves one goroutine.
type Clients struct {
	Pipeline beat.Pipeline
	// Form is the form of the documents in the pipeline.
	Form Form
	// Sensor is observer.name.
	Sensor string
	// Capacity is how many bytes of events the output keeps, 0 if that is not known.
	Capacity int64
	// Local says that the output is on this machine and has nothing to wait for.
	Local bool

	acks  []*ackCounter
	close []func() // closes the clients
}

// Processing makes the part of libbeat's event processing that one client needs.
type Processing func() (beat.ProcessingConfig, error)

// NoProcessing leaves events as they are.
func NoProcessing() (beat.ProcessingConfig, error) { return beat.ProcessingConfig{}, nil }

// Open connects an outlet.
func (o *Clients) Open(p Processing) (event.Outlet, error) {
	out := &outlet{form: o.Form, sensor: o.Sensor, local: o.Local, acks: o.count()}
	for _, c := range []struct {
		client *beat.Client
		mode   beat.PublishMode
	}{{&out.final, beat.GuaranteedSend}, {&out.interim, beat.DefaultGuarantees}} {
		conf, err := p()
		if err != nil {
			return nil, err
		}
		if *c.client, err = o.connect(conf, c.mode, out.acks); err != nil {
			return nil, fmt.Errorf("connecting to the publisher: %w", err)
		}
	}
	o.close = append(o.close, out.disconnect)
	return out, nil
}

// count returns a counter for the events of a client.
func (o *Clients) count() *ackCounter {
	a := new(ackCounter)
	o.acks = append(o.acks, a)
	return a
}

func (o *Clients) connect(p beat.ProcessingConfig, mode beat.PublishMode, acks *ackCounter) (beat.Client, error) {
	return o.Pipeline.ConnectWith(beat.ClientConfig{PublishMode: mode, Processing: p, EventListener: acks, ClientListener: acks})
}

// Connector returns a function that connects clients for final events which are no
// documents, and the counters of these clients. The caller closes the clients in
// [Clients.OnClose].
func (o *Clients) Connector() (connect func(beat.ProcessingConfig) (beat.Client, error), delivery func() event.Delivery) {
	a := o.count()
	return func(p beat.ProcessingConfig) (beat.Client, error) { return o.connect(p, beat.GuaranteedSend, a) }, a.Delivery
}

// OnClose adds a function that is called when the clients are closed.
func (o *Clients) OnClose(f func()) { o.close = append(o.close, f) }

// Missing returns how many events of all clients the output does not have.
func (o *Clients) Missing() (n uint64) {
	for _, a := range o.acks {
		n += a.Delivery().Missing()
	}
	return n
}

// Acked returns how many events of all clients the output has acknowledged.
func (o *Clients) Acked() (n uint64) {
	for _, a := range o.acks {
		n += a.Delivery().Acked
	}
	return n
}

// outlet publishes documents into libbeat's pipeline. Final events are sent until
// the output has them, interim ones as often as the output's settings say. It
// is safe for concurrent use.
type outlet struct {
	final, interim beat.Client
	form           Form
	sensor         string
	local          bool
	acks           *ackCounter
}

var _ event.Outlet = (*outlet)(nil) // type check

// Publish implements [event.Sink]. It blocks while libbeat's queue is full.
func (o *outlet) Publish(d event.Document) {
	client := o.interim
	if d.Final() {
		client = o.final
	}
	signed := &event.Signed{Document: d, Sensor: o.sensor}
	e := beat.Event{Timestamp: d.Time()}
	if !o.local { // the id under which the output stores the event
		signed.ID = event.IdentityOf(d, o.sensor)
		e.Meta = mapstr.M{events.FieldMetaID: signed.ID}
	}
	e.Fields = o.form.fields(signed)
	client.Publish(e)
}

// Delivery implements [event.Outlet].
func (o *outlet) Delivery() event.Delivery { return o.acks.Delivery() }

// disconnect closes the clients. A Publish that waits for room in libbeat's queue
// goes on waiting: only the end of the pipeline lets go of it.
func (o *outlet) disconnect() {
	_ = o.final.Close()
	_ = o.interim.Close()
}
