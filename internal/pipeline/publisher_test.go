package pipeline_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/enrich"
	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/inventory"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/pipeline"
	"github.com/qubesbeat/qubesbeat/internal/qube"
)

// published runs a publisher in a bubble over an inventory that test may update.
type published struct {
	*pipeline.Publisher
	queue *pipeline.Queue
	sink  *fakeSink
	index *inventory.Index
	done  sync.WaitGroup
}

func startPublisher(hold time.Duration) *published {
	p := &published{queue: pipeline.NewQueue(10_000, false), sink: new(fakeSink), index: inventory.NewIndex(inventory.Config{})}
	enricher := &enrich.Enricher{Qubes: p.index, Name: func(iface uint32) string {
		return map[uint32]string{7: "vif7.0", 1: "eth0"}[iface]
	}}
	p.Publisher = pipeline.NewPublisher(pipeline.PublisherConfig{Queue: p.queue, Enrich: enricher, Sink: p.sink,
		NewDocument: toDocument, Hold: hold})
	p.done.Go(func() { _ = p.Run(context.Background()) })
	return p
}

func (p *published) stop() {
	p.queue.Close()
	p.done.Wait()
}

// learn makes the inventory know the disposable of domain 7.
func (p *published) learn() {
	p.index.Update(&inventory.Snapshot{Qubes: []qube.Qube{
		{Name: "disp7", Class: qube.ClassDisposable, XID: 7, IP: addr("10.138.0.7")}}}, time.Now())
}

// seenNow returns a record of a flow on an interface that has just ended.
func seenNow(iface uint32) *flow.Record {
	r := &flow.Record{Reason: flow.ReasonIdle, Iface: iface, Family: 4, Proto: packet.ProtoUDP, FromSource: packet.Inbound,
		Start: time.Now().UnixNano(), End: time.Now().UnixNano()}
	r.Source.Addr, _ = packet.AddrFrom(addr("10.138.0.7"))
	r.Destination.Addr, _ = packet.AddrFrom(addr("1.1.1.1"))
	r.Source.Packets, r.Source.Sent = 1, true
	return r
}

func (p *published) want(t *testing.T, when string, names ...string) {
	t.Helper()
	synctest.Wait()
	if diff := cmp.Diff(names, p.sink.names()); diff != "" {
		t.Errorf("%s: published mismatch (-want +got):\n%s", when, diff)
	}
}

// TestPublisher_hold holds the flow of a client that the inventory does not know
// yet until it does.
func TestPublisher_hold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := startPublisher(3 * time.Second)
		p.queue.Push(seenNow(7))
		p.want(t, "at once")
		time.Sleep(time.Second)
		p.want(t, "after 1 s")
		p.learn()
		time.Sleep(400 * time.Millisecond)
		p.want(t, "after the push of dom0", "disp7 inventory")
		p.queue.Push(seenNow(7))
		p.want(t, "known now", "disp7 inventory", "disp7 inventory")
		p.stop()
		if got, want := p.Stats(), (pipeline.PublisherStats{Published: 2}); got != want {
			t.Errorf("Stats = %+v; want %+v", got, want)
		}
	})
}

// TestPublisher_holdEnds publishes a held flow as unknown when its time is over.
func TestPublisher_holdEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := startPublisher(3 * time.Second)
		p.queue.Push(seenNow(7))
		time.Sleep(2900 * time.Millisecond)
		p.want(t, "before the time")
		time.Sleep(600 * time.Millisecond)
		p.want(t, "after the time", "? unknown")
		p.learn()
		p.stop()
		if got, want := p.Stats(), (pipeline.PublisherStats{Published: 1, Unknown: 1}); got != want {
			t.Errorf("Stats = %+v; want %+v", got, want)
		}
	})
}

// TestPublisher_holdStops publishes what is held when the queue is closed.
func TestPublisher_holdStops(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := startPublisher(time.Hour)
		p.queue.Push(seenNow(7))
		p.want(t, "held")
		p.stop()
		p.want(t, "stopped", "? unknown")
	})
}

// TestPublisher_noHold publishes at once what cannot become better.
func TestPublisher_noHold(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		hold  time.Duration
		iface uint32
		known bool
		want  string
		stats pipeline.PublisherStats
	}{
		{"no hold", 0, 7, false, "? unknown", pipeline.PublisherStats{Published: 1, Unknown: 1}},
		{"known", time.Hour, 7, true, "disp7 inventory", pipeline.PublisherStats{Published: 1}},
		{"not on a vif", time.Hour, 1, false, "? unknown", pipeline.PublisherStats{Published: 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := startPublisher(tt.hold)
				if tt.known {
					p.learn()
				}
				p.queue.Push(seenNow(tt.iface))
				p.want(t, "at once", tt.want)
				p.stop()
				if got := p.Stats(); got != tt.stats {
					t.Errorf("Stats = %+v; want %+v", got, tt.stats)
				}
			})
		})
	}
}

// TestPublisher_holdBounded publishes more than 4096 held flows at once, as
// unknown: memory is bounded.
func TestPublisher_holdBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := startPublisher(time.Minute)
		for range 5000 {
			p.queue.Push(seenNow(7))
		}
		synctest.Wait()
		if got := p.Stats().Published; got != 5000-4096 {
			t.Errorf("Published = %d; want %d", got, 5000-4096)
		}
		p.stop()
		if got := p.Stats(); got.Published != 5000 || got.Unknown != 5000 {
			t.Errorf("Stats = %+v; want 5000 published, all unknown", got)
		}
	})
}

// TestPublisher_spoofed counts the flows of borrowed addresses.
func TestPublisher_spoofed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := startPublisher(0)
		p.learn()
		r := seenNow(7)
		r.Source.Addr, _ = packet.AddrFrom(addr("10.138.0.99"))
		p.queue.Push(r)
		p.stop()
		p.want(t, "at the end", "disp7 spoofed")
		if got, want := p.Stats(), (pipeline.PublisherStats{Published: 1, Spoofed: 1}); got != want {
			t.Errorf("Stats = %+v; want %+v", got, want)
		}
	})
}

// TestPublisher_Run delivers every record of a meter that pushes meanwhile.
func TestPublisher_Run(t *testing.T) {
	t.Parallel()
	p := startPublisher(time.Millisecond)
	p.queue.SetBlocking()
	const n = 20_000
	for range n {
		p.queue.Push(seenNow(7))
	}
	p.stop()
	if got := p.Stats().Published; got != n || len(p.sink.names()) != n {
		t.Errorf("Published = %d, sink has %d; want %d", got, len(p.sink.names()), n)
	}
}
