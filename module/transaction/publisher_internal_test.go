package transaction

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/beats/v7/libbeat/common"
	_ "github.com/elastic/beats/v7/libbeat/processors/actions" // for drop_event
	"github.com/elastic/beats/v7/packetbeat/pb"
	conf "github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/mapstr"
	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/enrich"
	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// newEvent is what an analyzer reports of a request from a to b.
func newEvent(a, b string) beat.Event {
	src, dst := netip.MustParseAddrPort(a), netip.MustParseAddrPort(b)
	e, f := pb.NewBeatEvent(time.Unix(0, start))
	f.SetSource(&common.Endpoint{IP: src.Addr().String(), Port: src.Port()})
	f.SetDestination(&common.Endpoint{IP: dst.Addr().String(), Port: dst.Port()})
	e.Fields["type"] = "fake"
	return e
}

// run starts a publisher and returns the function that finishes it.
func run(p *Publisher) (finish func()) {
	var running sync.WaitGroup
	running.Go(p.Run)
	return func() {
		p.Finish()
		running.Wait()
	}
}

// checkSums holds what PublisherStats says of itself.
func checkSums(tb testing.TB, p *Publisher) {
	tb.Helper()
	s := p.Stats()
	if s.Reported != s.Published+s.Dropped+s.Outgoing+s.Invalid+s.Held+s.Waiting {
		tb.Errorf("Stats = %+v do not add up", s)
	}
}

// seenOn makes p remember that work and other were seen on their vifs.
func seenOn(p *Publisher) {
	p.origins = newOrigins()
	for iface, client := range map[uint32]string{6: work, 9: other} {
		k := in(newTCP(client, server, 0, 1, ""), iface)
		p.origins.note(&k, nil)
	}
}

// field returns a field of an event as text, "" where it is not there.
func field(e beat.Event, name string) string {
	v, _ := e.Fields.GetValue(name)
	s, _ := v.(string)
	return s
}

// TestPublisher_blocked drops, counts, and lets no analyzer wait while the output
// takes nothing; it delivers what it has as soon as the output goes on.
func TestPublisher_blocked(t *testing.T) {
	t.Parallel()
	gate, entered := make(chan struct{}), make(chan struct{}, 1)
	client := &fakeClient{OnPublish: func(beat.Event) {
		select {
		case entered <- struct{}{}:
		default:
		}
		<-gate
	}}
	p := newFakePublisher(t, client, nil)
	report := newReporter(t, p)
	finish := run(p)
	report(newEvent(work, server))
	<-entered
	const all = eventRoom + 1000
	for range all {
		report(newEvent(work, server))
	}
	if s := p.Stats(); s.Reported != all+1 || s.Dropped != 1000 || s.Waiting != eventRoom+1 || s.Published != 0 {
		t.Errorf("Stats = %+v; want %d reported, 1000 dropped, %d waiting", s, all+1, eventRoom+1)
	}
	close(gate)
	finish()
	if n := len(client.published()); n != eventRoom+1 {
		t.Errorf("%d events were published; want %d", n, eventRoom+1)
	}
	checkSums(t, p)
}

// TestPublisher_blocked_sums holds the sum while an event is with the client.
func TestPublisher_blocked_sums(t *testing.T) {
	gate, entered := make(chan struct{}), make(chan struct{}, 1)
	p := newFakePublisher(t, &fakeClient{OnPublish: func(beat.Event) { entered <- struct{}{}; <-gate }}, nil)
	report := newReporter(t, p)
	finish := run(p)
	report(newEvent(work, server))
	<-entered
	checkSums(t, p)
	close(gate)
	finish()
}

// TestPublisher_patient loses nothing, and lets the analyzers wait instead.
func TestPublisher_patient(t *testing.T) {
	t.Parallel()
	client := new(fakeClient)
	p := newFakePublisher(t, client, func(c *PublisherConfig) { c.Patient = true })
	report := newReporter(t, p)
	var reporting sync.WaitGroup
	const writers, each = 4, eventRoom
	for range writers {
		reporting.Go(func() {
			for range each {
				report(newEvent(work, server))
			}
		})
	}
	eventually(t, "the queue is full", func() bool { return len(p.events) == eventRoom })
	finish := run(p)
	reporting.Wait()
	finish()
	if n := len(client.published()); n != writers*each {
		t.Errorf("%d events were published; want %d", n, writers*each)
	}
	checkSums(t, p)
}

// TestPublisher_late takes the events that come when everything has ended, as
// from an analyzer's timer: none waits, none fails.
func TestPublisher_late(t *testing.T) {
	t.Parallel()
	for _, patient := range []bool{false, true} {
		client := new(fakeClient)
		p := newFakePublisher(t, client, func(c *PublisherConfig) { c.Patient = patient })
		report := newReporter(t, p)
		run(p)()
		p.Close()
		var reporting sync.WaitGroup
		for range 4 {
			reporting.Go(func() {
				for range 2 * eventRoom {
					report(newEvent(work, server))
				}
			})
		}
		reporting.Wait()
		if n := len(client.published()); n != 0 || client.closed != 1 {
			t.Errorf("patient %v: %d events were published after the end, and the client closed %d times", patient, n, client.closed)
		}
		checkSums(t, p)
	}
}

// TestPublisher_Finish delivers everything that was reported before, in order.
func TestPublisher_Finish(t *testing.T) {
	t.Parallel()
	client := new(fakeClient)
	p := newFakePublisher(t, client, func(c *PublisherConfig) { c.Hold = time.Hour })
	seenOn(p)
	report := newReporter(t, p)
	for range 1000 {
		report(newEvent(work, server))
	}
	finish := run(p)
	report(newEvent(other, server))
	finish()
	if n := len(client.published()); n != 1001 {
		t.Errorf("%d events were published; want 1001", n)
	}
	if s := p.Stats(); s.Unknown != 1001 || s.Held != 0 {
		t.Errorf("Stats = %+v; want 1001 unknown and none held", s)
	}
	checkSums(t, p)
}

// TestPublisher_hold waits for the name of a qube, and for no longer than it
// says.
func TestPublisher_hold(t *testing.T) {
	t.Parallel()
	qubes, client := new(inventory), new(fakeClient)
	p := newFakePublisher(t, client, func(c *PublisherConfig) {
		c.Hold = time.Hour
		c.Enrich = &enrich.Enricher{Qubes: qubes, Name: nameOf}
	})
	seenOn(p)
	report := newReporter(t, p)
	finish := run(p)
	report(newEvent(work, server))
	report(newEvent(other, server))
	eventually(t, "both are held", func() bool { return p.Stats().Held == 2 })
	checkSums(t, p)
	qubes.learn("work", 6, "10.137.0.6")
	eventually(t, "one is published", func() bool { return len(client.published()) == 1 })
	if e := client.published()[0]; field(e, "qube.name") != "work" || field(e, "source.ip") != "10.137.0.6" {
		t.Errorf("event = %v; want that of work", e.Fields)
	}
	if s := p.Stats(); s.Held != 1 {
		t.Errorf("Stats = %+v; want the other still held", s)
	}
	finish()
	if n := len(client.published()); n != 2 {
		t.Errorf("%d events were published; want 2", n)
	}
	checkSums(t, p)
}

// TestPublisher_hold_time gives up after a while, and holds no more than it has
// room for.
func TestPublisher_hold_time(t *testing.T) {
	t.Parallel()
	client := new(fakeClient)
	p := newFakePublisher(t, client, func(c *PublisherConfig) { c.Hold = time.Minute })
	seenOn(p)
	report := newReporter(t, p)
	report(newEvent(work, server))
	r := <-p.events
	for range eventRoom + 5 {
		again := r
		again.event = newEvent(work, server)
		p.publish(&again)
	}
	if n, held := len(client.published()), len(p.held); n != 5 || held != eventRoom {
		t.Errorf("%d events were published and %d are held; want 5 and %d", n, held, eventRoom)
	}
	p.release(time.Now(), false)
	if held := len(p.held); held != eventRoom {
		t.Errorf("%d events are held before their time is over; want %d", held, eventRoom)
	}
	p.release(time.Now().Add(time.Hour), false)
	if n, held := len(client.published()), p.Stats().Held; n != eventRoom+5 || held != 0 {
		t.Errorf("%d events were published and %d are held afterwards", n, held)
	}
}

// TestPublisher_fields tells what an event gets.
func TestPublisher_fields(t *testing.T) {
	t.Parallel()
	type fields struct{ Direction, Qube, Attribution string }
	local := func() []net.IP { return []net.IP{net.IPv4(10, 137, 0, 6)} }
	tests := []struct {
		name   string
		change func(*PublisherConfig)
		event  beat.Event
		want   []fields
		stats  PublisherStats
	}{
		{"of a qube", nil, newEvent(work, server), []fields{{"outbound", "work", "inventory"}}, PublisherStats{Published: 1}},
		{"strict", func(c *PublisherConfig) { c.Strict = true }, newEvent(work, server),
			[]fields{{"unknown", "work", "inventory"}}, PublisherStats{Published: 1}},
		{"internal networks", func(c *PublisherConfig) { c.InternalNetworks = []string{"10.0.0.0/8"} }, newEvent(work, server),
			[]fields{{"outbound", "work", "inventory"}}, PublisherStats{Published: 1}},
		{"internal networks decide", func(c *PublisherConfig) { c.InternalNetworks = []string{"10.0.0.0/8", "1.0.0.0/8"} }, newEvent(work, server),
			[]fields{{"internal", "work", "inventory"}}, PublisherStats{Published: 1}},
		{"of nobody", nil, newEvent("2.2.2.2:99", server), []fields{{"unknown", "", ""}}, PublisherStats{Published: 1}},
		{"of a qube without a name", nil, newEvent(other, server), []fields{{"outbound", "", "unknown"}}, PublisherStats{Published: 1, Unknown: 1}},
		{"own, all wanted", func(c *PublisherConfig) { c.Local, c.Strict = local, true }, newEvent(work, server),
			[]fields{{"egress", "work", "inventory"}}, PublisherStats{Published: 1}},
		{"own, ignore_outgoing", func(c *PublisherConfig) { c.Local, c.IgnoreOutgoing = local, true }, newEvent(work, server),
			nil, PublisherStats{Outgoing: 1}},
		{"to itself, ignore_outgoing", func(c *PublisherConfig) { c.Local, c.IgnoreOutgoing, c.Strict = local, true, true }, newEvent(server, work),
			[]fields{{"ingress", "work", "inventory"}}, PublisherStats{Published: 1}},
		{"without a type", nil, beat.Event{Timestamp: time.Unix(1, 0), Fields: mapstr.M{}}, nil, PublisherStats{Invalid: 1}},
		{"type of another kind", nil, beat.Event{Timestamp: time.Unix(1, 0), Fields: mapstr.M{"type": 1}}, nil, PublisherStats{Invalid: 1}},
		{"without a time", nil, beat.Event{Fields: mapstr.M{"type": "fake"}}, nil, PublisherStats{Invalid: 1}},
		{"without fields", nil, beat.Event{Timestamp: time.Unix(1, 0)}, nil, PublisherStats{Invalid: 1}},
		{"packetbeat's fields of another kind", nil, beat.Event{Timestamp: time.Unix(1, 0), Fields: mapstr.M{"type": "fake", pb.FieldsKey: "x"}},
			nil, PublisherStats{Invalid: 1}},
		{"without packetbeat's fields", nil, beat.Event{Timestamp: time.Unix(1, 0), Fields: mapstr.M{"type": "fake"}},
			[]fields{{}}, PublisherStats{Published: 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			qubes, client := new(inventory), new(fakeClient)
			qubes.learn("work", 6, "10.137.0.6")
			p := newFakePublisher(t, client, func(c *PublisherConfig) {
				c.Enrich = &enrich.Enricher{Qubes: qubes, Name: nameOf}
				if tt.change != nil {
					tt.change(c)
				}
			})
			seenOn(p)
			finish := run(p)
			newReporter(t, p)(tt.event)
			finish()
			var got []fields
			for _, e := range client.published() {
				got = append(got, fields{field(e, "network.direction"), field(e, "qube.name"), field(e, "qube.attribution")})
			}
			tt.stats.Reported = 1
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("events mismatch (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.stats, p.Stats()); diff != "" {
				t.Errorf("Stats mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

// TestPublisher_sight attributes an event to no interface where its conversation
// is not remembered, and to the address where it is.
func TestPublisher_sight(t *testing.T) {
	t.Parallel()
	p := newFakePublisher(t, nil, nil)
	p.origins = newOrigins()
	seen := in(newTCP(work, server, 0, 1, ""), 6)
	p.origins.note(&seen, nil)
	tests := []struct {
		name  string
		event beat.Event
		iface uint32
		way   packet.Direction
		known bool
	}{
		{"seen", newEvent(work, server), 6, packet.Inbound, true},
		{"answer", newEvent(server, work), 6, packet.Outbound, true},
		{"not seen", newEvent(other, server), 0, packet.DirectionUnknown, true},
		{"two families", newEvent(work, "[2606:4700::1]:80"), 0, packet.DirectionUnknown, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, known := p.sight(&tt.event)
			if s.Iface != tt.iface || s.FromSource != tt.way || known != tt.known {
				t.Errorf("sight = %+v, %v; want interface %d, way %d", s, known, tt.iface, tt.way)
			}
		})
	}
}

// TestPublisher_sight_mapped finds the interface of IPv6 packets with IPv4
// addresses inside, which anybody can send.
func TestPublisher_sight_mapped(t *testing.T) {
	p := newFakePublisher(t, nil, nil)
	p.origins = newOrigins()
	seen := in(newUDP("[::ffff:10.137.0.9]:5000", "[::ffff:1.1.1.1]:80", ""), 6)
	p.origins.note(&seen, nil)
	k := newPacket(&seen)
	src, dst := common.MakeEndpointPair(k.Tuple.BaseTuple, &common.ProcessTuple{})
	e, f := pb.NewBeatEvent(time.Unix(0, start))
	f.SetSource(&src)
	f.SetDestination(&dst)
	if s, _ := p.sight(&e); s.Iface != 6 {
		t.Errorf("sight of %s = %+v; want interface 6", src.IP, s)
	}
}

// TestPublisher_CreateReporter passes on what a section says of its events.
func TestPublisher_CreateReporter(t *testing.T) {
	t.Parallel()
	var got beat.ProcessingConfig
	client := new(fakeClient)
	p := newFakePublisher(t, client, func(c *PublisherConfig) {
		c.Connect = func(s beat.ProcessingConfig) (beat.Client, error) { got = s; return client, nil }
	})
	c, err := conf.NewConfigWithYAML([]byte(`{type: http, index: mine, fields: {env: test}, fields_under_root: true, tags: [a, b],
keep_null: true, processors: [{drop_event: {when: {equals: {type: http}}}}]}`), "test")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.CreateReporter(c); err != nil {
		t.Fatal(err)
	}
	if got.Meta["raw_index"] != "mine" || !got.KeepNull || got.EventMetadata.Fields["env"] != "test" || !got.EventMetadata.FieldsUnderRoot ||
		!slices.Equal(got.EventMetadata.Tags, []string{"a", "b"}) || got.Processor == nil || len(got.Processor.All()) != 1 ||
		got.EventNormalization == nil || !*got.EventNormalization {
		t.Errorf("Connect was called with %+v", got)
	}
	newReporter(t, p)
	if got.Meta != nil || got.KeepNull || len(got.EventMetadata.Tags) != 0 || len(got.Processor.All()) != 0 {
		t.Errorf("without settings, Connect was called with %+v", got)
	}
	p.Close()
	if client.closed != 2 {
		t.Errorf("%d clients were closed; want 2", client.closed)
	}
}

// TestPublisher_CreateReporter_fault returns the faults of a section, and of the
// pipeline.
func TestPublisher_CreateReporter_fault(t *testing.T) {
	t.Parallel()
	fault := errors.New("no pipeline")
	p := newFakePublisher(t, nil, func(c *PublisherConfig) {
		c.Connect = func(beat.ProcessingConfig) (beat.Client, error) { return nil, fault }
	})
	for _, text := range []string{"{index: {a: b}}", "{processors: [{nonsense: 1}]}", "{keep_null: perhaps}", "{}"} {
		report, err := p.CreateReporter(sections(t, text)[0])
		if report != nil || err == nil || text == "{}" && !errors.Is(err, fault) {
			t.Errorf("CreateReporter(%s) = %v; want a fault", text, err)
		}
	}
	p.Close()
}

var _ event.Document = (*additions)(nil) // type check
