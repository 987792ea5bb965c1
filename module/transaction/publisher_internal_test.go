package transaction

import (
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/elastic/beats/v7/libbeat/beat"
	_ "github.com/elastic/beats/v7/libbeat/processors/actions" // for drop_event
	conf "github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/logp"
	"github.com/elastic/elastic-agent-libs/mapstr"
	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/dnsview"
	"github.com/qubesbeat/qubesbeat/internal/enrich"
	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/module/transaction/wire"
)

// The endpoints of the tests: two qubes, on vif6.0 and vif9.0, and a server.
const (
	work   = "10.137.0.6"
	other  = "10.137.0.9"
	server = "1.1.1.1"
)

// start is the time of events.
const start = int64(1_700_000_000_000_000_000)

// newEvent returns what the analyzers send of a request from a qube to another
// host. Their direction is the one that packetbeat has found.
func newEvent(src, dst string) *wire.Event {
	return &wire.Event{Section: 1, Timestamp: start, Known: true, Iface: map[string]uint32{work: 6, other: 9}[src],
		From: uint8(packet.Inbound), Source: src, Dest: dst,
		Fields: mapstr.M{"type": "fake", "source": mapstr.M{"ip": src}, "network": mapstr.M{"direction": "unknown"}}}
}

// nameOf names observation points.
func nameOf(iface uint32) string {
	return map[uint32]string{6: "vif6.0", 9: "vif9.0"}[iface]
}

// newFakePublisher returns a publisher for client; both arguments may be nil.
// change may alter its settings.
func newFakePublisher(tb testing.TB, client *fakeClient, change func(*publisherConfig)) *publisher {
	tb.Helper()
	if client == nil {
		client = new(fakeClient)
	}
	cfg := publisherConfig{setDirection: true, deps: Deps{Enricher: &enrich.Enricher{Qubes: new(inventory), Name: nameOf},
		Logger: logp.NewNopLogger(), Connect: func(beat.ProcessingConfig) (beat.Client, error) { return client, nil }}}
	if change != nil {
		change(&cfg)
	}
	p := newPublisher(cfg)
	if err := p.connect(1, conf.NewConfig()); err != nil {
		tb.Fatal(err)
	}
	return p
}

// run starts a publisher and returns the function that finishes it.
func run(p *publisher) (finish func()) {
	go p.run()
	return p.finish
}

// checkSums checks what publisherStats says of itself.
func checkSums(tb testing.TB, p *publisher) {
	tb.Helper()
	s := p.stats()
	if s.received != s.published+s.dropped+s.duplicates+s.summarized+s.invalid+s.held+s.waiting {
		tb.Errorf("stats = %+v do not add up", s)
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
	finish := run(p)
	p.take(newEvent(work, server), 0)
	<-entered
	const all = maxOfOne + 1000
	for range all {
		p.take(newEvent(work, server), 0)
	}
	if s := p.stats(); s.received != all+1 || s.dropped != 1000 || s.waiting != maxOfOne+1 || s.published != 0 {
		t.Errorf("stats = %+v; want %d received, 1000 dropped, %d waiting", s, all+1, maxOfOne+1)
	}
	close(gate)
	finish()
	if n := len(client.published()); n != maxOfOne+1 {
		t.Errorf("%d events were published; want %d", n, maxOfOne+1)
	}
	checkSums(t, p)
}

// TestPublisher_blocked_sums holds the sum while an event is with the client.
func TestPublisher_blocked_sums(t *testing.T) {
	gate, entered := make(chan struct{}), make(chan struct{}, 1)
	p := newFakePublisher(t, &fakeClient{OnPublish: func(beat.Event) { entered <- struct{}{}; <-gate }}, nil)
	finish := run(p)
	p.take(newEvent(work, server), 0)
	<-entered
	checkSums(t, p)
	close(gate)
	finish()
}

// TestPublisher_blocking loses nothing, and lets the analyzers wait instead.
func TestPublisher_blocking(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client := new(fakeClient)
		p := newFakePublisher(t, client, func(c *publisherConfig) { c.blocking = true })
		var reporting sync.WaitGroup
		const writers, each = 4, maxWaiting
		for range writers {
			reporting.Go(func() {
				for range each {
					p.take(newEvent(work, server), 0)
				}
			})
		}
		synctest.Wait()
		if n := len(p.events); n != maxWaiting {
			t.Errorf("%d events wait; want %d", n, maxWaiting)
		}
		finish := run(p)
		reporting.Wait()
		finish()
		if n := len(client.published()); n != writers*each {
			t.Errorf("%d events were published; want %d", n, writers*each)
		}
		checkSums(t, p)
	})
}

// TestPublisher_late takes the events that come when everything has ended, as
// from an analyzer's timer: none waits, none fails.
func TestPublisher_late(t *testing.T) {
	t.Parallel()
	for _, blocking := range []bool{false, true} {
		client := new(fakeClient)
		p := newFakePublisher(t, client, func(c *publisherConfig) { c.blocking = blocking })
		run(p)()
		p.close()
		var reporting sync.WaitGroup
		for range 4 {
			reporting.Go(func() {
				for range 2 * maxWaiting {
					p.take(newEvent(work, server), 0)
				}
			})
		}
		reporting.Wait()
		if n := len(client.published()); n != 0 || client.closed != 1 {
			t.Errorf("blocking %v: %d events were published after the end, and the client closed %d times", blocking, n, client.closed)
		}
		checkSums(t, p)
	}
}

// TestPublisher_finish delivers everything that was taken before, in order.
func TestPublisher_finish(t *testing.T) {
	t.Parallel()
	client := new(fakeClient)
	p := newFakePublisher(t, client, func(c *publisherConfig) { c.hold = time.Hour })
	for range 1000 {
		p.take(newEvent(work, server), 0)
	}
	finish := run(p)
	p.take(newEvent(other, server), 0)
	finish()
	if n := len(client.published()); n != 1001 {
		t.Errorf("%d events were published; want 1001", n)
	}
	if s := p.stats(); s.unknown != 1001 || s.held != 0 {
		t.Errorf("stats = %+v; want 1001 unknown and none held", s)
	}
	checkSums(t, p)
}

// TestPublisher_hold waits for the name of a qube.
func TestPublisher_hold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		qubes, client := new(inventory), new(fakeClient)
		p := newFakePublisher(t, client, func(c *publisherConfig) {
			c.hold = time.Hour
			c.deps.Enricher = &enrich.Enricher{Qubes: qubes, Name: nameOf}
		})
		finish := run(p)
		p.take(newEvent(work, server), 0)
		p.take(newEvent(other, server), 0)
		synctest.Wait()
		if s := p.stats(); s.held != 2 {
			t.Errorf("stats = %+v; want both held", s)
		}
		checkSums(t, p)
		qubes.learn("work", 6, "10.137.0.6")
		time.Sleep(200 * time.Millisecond) // between two attempts
		synctest.Wait()
		if all := client.published(); len(all) != 1 || field(all[0], "qube.name") != "work" || field(all[0], "source.ip") != "10.137.0.6" {
			t.Errorf("published = %v; want that of work", all)
		}
		if s := p.stats(); s.held != 1 {
			t.Errorf("stats = %+v; want the other still held", s)
		}
		finish()
		if n := len(client.published()); n != 2 {
			t.Errorf("%d events were published; want 2", n)
		}
		checkSums(t, p)
	})
}

// maxOfOne is how many events one interface may have waiting.
const maxOfOne = maxWaiting / 2

// TestPublisher_hold_time gives up after a while, and holds no more than it has
// room for.
func TestPublisher_hold_time(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client := new(fakeClient)
		p := newFakePublisher(t, client, func(c *publisherConfig) { c.hold = time.Minute })
		p.take(newEvent(work, server), 0)
		r := <-p.events
		for range maxOfOne + 5 {
			again := r
			again.event.Fields = newEvent(work, server).Fields
			p.publishOrHold(&again)
		}
		if n, held := len(client.published()), p.stats().held; n != 5 || held != maxOfOne {
			t.Errorf("%d events were published and %d are held; want 5 and %d", n, held, maxOfOne)
		}
		time.Sleep(59 * time.Second)
		p.held.Check()
		if held := p.stats().held; held != maxOfOne {
			t.Errorf("%d events are held before their time is over; want %d", held, maxOfOne)
		}
		time.Sleep(time.Second)
		p.held.Check()
		if n, held := len(client.published()), p.stats().held; n != maxOfOne+5 || held != 0 {
			t.Errorf("%d events were published and %d are held afterwards", n, held)
		}
		if c := p.held.C(); c != nil {
			t.Error("a timer runs though nothing is held")
		}
	})
}

// TestPublisher_fields checks what is added to an event.
func TestPublisher_fields(t *testing.T) {
	t.Parallel()
	type fields struct{ Direction, Qube, Attribution string }
	change := func(e *wire.Event, f func(*wire.Event)) *wire.Event { f(e); return e }
	tests := []struct {
		name   string
		change func(*publisherConfig)
		event  *wire.Event
		want   []fields
		stats  publisherStats
	}{
		{"of a qube", nil, newEvent(work, server), []fields{{"outbound", "work", "inventory"}}, publisherStats{published: 1}},
		{"strict", func(c *publisherConfig) { c.setDirection = false }, newEvent(work, server),
			[]fields{{"unknown", "work", "inventory"}}, publisherStats{published: 1}},
		{"internal networks decide", func(c *publisherConfig) { c.setDirection = false },
			change(newEvent(work, server), func(e *wire.Event) { e.Fields["network"] = mapstr.M{"direction": "internal"} }),
			[]fields{{"internal", "work", "inventory"}}, publisherStats{published: 1}},
		{"of no qube", nil, newEvent("2.2.2.2", server), []fields{{"unknown", "", ""}}, publisherStats{published: 1}},
		{"of a qube without a name", nil, newEvent(other, server), []fields{{"outbound", "", "unknown"}},
			publisherStats{published: 1, unknown: 1}},
		{"of a spoofed address", nil, change(newEvent(work, server), func(e *wire.Event) { e.Source = "10.137.0.7" }),
			[]fields{{"outbound", "work", "spoofed"}}, publisherStats{published: 1, spoofed: 1}},
		{"without addresses", nil, &wire.Event{Section: 1, Timestamp: 1, Fields: mapstr.M{"type": "fake"}},
			[]fields{{}}, publisherStats{published: 1}},
		{"of an unknown section", nil, change(newEvent(work, server), func(e *wire.Event) { e.Section = 2 }), nil, publisherStats{invalid: 1}},
		{"dns, logged by the resolver", func(c *publisherConfig) { c.deps.DNS = func(*dnsview.Answer) bool { return true } },
			change(newEvent(work, server), func(e *wire.Event) { e.Fields["type"] = "dns" }), nil, publisherStats{duplicates: 1}},
		{"dns", func(c *publisherConfig) { c.deps.DNS = func(*dnsview.Answer) bool { return false } },
			change(newEvent(work, server), func(e *wire.Event) { e.Fields["type"] = "dns" }),
			[]fields{{"outbound", "work", "inventory"}}, publisherStats{published: 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			qubes, client := new(inventory), new(fakeClient)
			qubes.learn("work", 6, work)
			p := newFakePublisher(t, client, func(c *publisherConfig) {
				c.deps.Enricher = &enrich.Enricher{Qubes: qubes, Name: nameOf}
				if tt.change != nil {
					tt.change(c)
				}
			})
			finish := run(p)
			p.take(tt.event, 100)
			finish()
			var got []fields
			for _, e := range client.published() {
				got = append(got, fields{field(e, "network.direction"), field(e, "qube.name"), field(e, "qube.attribution")})
			}
			tt.stats.received = 1
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("events mismatch (-want +got):\n%s", diff)
			}
			if got := p.stats(); got != tt.stats {
				t.Errorf("stats = %+v; want %+v", got, tt.stats)
			}
			if n := p.room.used(); n != 0 {
				t.Errorf("%d bytes are charged after the end", n)
			}
		})
	}
}

// TestPublisher_connect passes on what a section says of its events.
func TestPublisher_connect(t *testing.T) {
	t.Parallel()
	var got beat.ProcessingConfig
	client := new(fakeClient)
	p := newFakePublisher(t, client, func(c *publisherConfig) {
		c.deps.Connect = func(s beat.ProcessingConfig) (beat.Client, error) { got = s; return client, nil }
	})
	if got.Meta != nil || got.KeepNull || len(got.EventMetadata.Tags) != 0 || len(got.Processor.All()) != 0 {
		t.Errorf("without settings, Connect was called with %+v", got)
	}
	section := sections(t, `{type: http, index: mine, fields: {env: test}, fields_under_root: true, tags: [a, b], keep_null: true, processors: [{drop_event: {when: {equals: {type: http}}}}]}`)[0]
	if err := p.connect(2, section); err != nil {
		t.Fatal(err)
	}
	if got.Processor == nil || len(got.Processor.All()) != 1 {
		t.Errorf("Connect was called with the processors %v; want one", got.Processor)
	}
	got.Processor = nil
	want := beat.ProcessingConfig{Meta: mapstr.M{"raw_index": "mine"}, KeepNull: true, EventNormalization: new(bool),
		EventMetadata: mapstr.EventMetadata{Fields: mapstr.M{"env": "test"}, FieldsUnderRoot: true, Tags: []string{"a", "b"}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Connect was called with settings that mismatch (-want +got):\n%s", diff)
	}
	p.close()
	if client.closed != 2 {
		t.Errorf("%d clients were closed; want 2", client.closed)
	}
}

// TestPublisher_connect_error returns the errors of a section, and of the
// pipeline.
func TestPublisher_connect_error(t *testing.T) {
	t.Parallel()
	fault := errors.New("no pipeline")
	p := newFakePublisher(t, nil, nil)
	p.cfg.deps.Connect = func(beat.ProcessingConfig) (beat.Client, error) { return nil, fault }
	for _, text := range []string{"{index: {a: b}}", "{processors: [{nonsense: 1}]}", "{keep_null: perhaps}", "{}"} {
		err := p.connect(2, sections(t, text)[0])
		if err == nil || text == "{}" && !errors.Is(err, fault) || p.clients[2] != nil {
			t.Errorf("connect(%s) = %v; want an error", text, err)
		}
	}
}

var _ event.Document = (*document)(nil) // type check

// TestAttack03_transactions lets the transactions of one interface leave room for
// those of another, in number and in bytes.
func TestAttack03_transactions(t *testing.T) {
	t.Parallel()
	for _, size := range []int{10, 1 << 20} {
		p := newFakePublisher(t, new(fakeClient), nil)
		event := func(iface uint32) *wire.Event {
			e := newEvent(work, server)
			e.Iface = iface
			return e
		}
		for range 2 * maxWaiting {
			p.take(event(6), size)
		}
		before := p.stats().dropped
		for range 5 {
			p.take(event(7), size)
		}
		if s := p.stats(); s.dropped != before {
			t.Errorf("events of %d bytes: %d of 5 of the quiet interface are dropped", size, s.dropped-before)
		}
	}
}
