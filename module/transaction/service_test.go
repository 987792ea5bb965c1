package transaction_test

import (
	"context"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/elastic/beats/v7/libbeat/beat"
	conf "github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/logp"
	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/dnsview"
	"github.com/qubesbeat/qubesbeat/internal/enrich"
	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/metrics"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/qube"
	"github.com/qubesbeat/qubesbeat/internal/task"
	"github.com/qubesbeat/qubesbeat/module/transaction"
	"github.com/qubesbeat/qubesbeat/module/transaction/wire/wiretest"
)

// TestMain lets a service start this program as the process of its analyzers.
func TestMain(m *testing.M) {
	if wiretest.IsChild() {
		os.Exit(wiretest.Main())
	}
	os.Exit(m.Run())
}

// client records what is published.
type client struct {
	onPublish func()

	mu     sync.Mutex
	texts  []string // qube and text of the events
	closed int
}

// Publish implements [beat.Client].
func (c *client) Publish(e beat.Event) {
	if c.onPublish != nil {
		c.onPublish()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	name, _ := e.Fields.GetValue("qube.name")
	q, _ := name.(string)
	text, _ := e.Fields["message"].(string)
	c.texts = append(c.texts, q+": "+text)
}

// PublishAll implements [beat.Client].
func (c *client) PublishAll([]beat.Event) {}

// Close implements [beat.Client].
func (c *client) Close() error { c.closed++; return nil }

// work is a qube with the domain id 6.
type work struct{}

var workQube = &qube.Qube{Name: "work", XID: 6, IP: netip.MustParseAddr("10.137.0.6")}

// ByDomain implements [enrich.QubeLookup].
func (work) ByDomain(domid int32, _ time.Time) *qube.Qube {
	if domid == workQube.XID {
		return workQube
	}
	return nil
}

// ByAddr implements [enrich.QubeLookup].
func (work) ByAddr(a netip.Addr, _ time.Time) *qube.Qube {
	if workQube.Owns(a) {
		return workQube
	}
	return nil
}

func nameOf(iface uint32) string { return map[uint32]string{6: "vif6.0", 9: "vif9.0"}[iface] }

// section parses a section of the configuration.
func section(tb testing.TB, text string) *conf.C {
	tb.Helper()
	c, err := conf.NewConfigWithYAML([]byte(text), "test")
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// newService returns a service for a protocol on port 80.
func newService(tb testing.TB, c *client) *transaction.Service {
	tb.Helper()
	s, err := transaction.New(transaction.Config{List: []*conf.C{section(tb, "{type: fake, port: 80}")}}, transaction.Deps{
		Enricher:      &enrich.Enricher{Qubes: work{}, Name: nameOf},
		InterfaceName: nameOf,
		Connect:       func(beat.ProcessingConfig) (beat.Client, error) { return c, nil },
		DNS:           func(a *dnsview.Answer) bool { return a.Name == wiretest.DNS+"duplicate" },
		Delivery:      func() event.Delivery { return event.Delivery{Acked: 7} },
		Logger:        logp.NewNopLogger(),
	})
	if err != nil || s == nil {
		tb.Fatalf("New = %v, %v", s, err)
	}
	return s
}

// observe passes a segment (RFC 791, RFC 9293) from 10.137.0.<host> to port 80 to the
// observer.
func observe(tb testing.TB, s *transaction.Service, iface uint32, host byte, text string) {
	tb.Helper()
	frame := []byte{0x45, 0, 0, byte(40 + len(text)), 0, 0, 0, 0, 64, packet.ProtoTCP, 0, 0, 10, 137, 0, host, 1, 1, 1, 1,
		0x13, 0x88, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 5 << 4, packet.ACK, 0, 0, 0, 0, 0, 0}
	frame = append(frame, text...)
	p := packet.Packet{Time: time.Now().UnixNano(), Iface: iface, Direction: packet.Inbound}
	if status := p.Decode(packet.LinkRaw, frame); status != packet.OK {
		tb.Fatal(status)
	}
	s.Observer().Packet(&p, frame)
}

// TestService_Run publishes what the analyzers report of the packets, under the
// names of the qubes, and counts it.
func TestService_Run(t *testing.T) {
	t.Parallel()
	c := new(client)
	s := newService(t, c)
	if tcp, udp, icmp := s.Wanted(); len(tcp) != 1 || tcp[0] != 80 || len(udp) != 0 || icmp {
		t.Errorf("Wanted = %v, %v, %v", tcp, udp, icmp)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	<-s.Ready()
	observe(t, s, 6, 6, "one")
	observe(t, s, 6, 9, "spoofed") // the analyzers do not get it
	observe(t, s, 6, 6, wiretest.DNS+"duplicate")
	observe(t, s, 6, 6, wiretest.DNS+"query")
	observe(t, s, 9, 9, "unknown")
	observe(t, s, 9, 9, wiretest.Crash)
	observe(t, s, 6, 6, "last")
	s.Observer().Close()
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run = %v", err)
	}
	s.Close()
	if diff := cmp.Diff([]string{"work: one", "work: dns query", ": unknown", "work: last"}, c.texts); diff != "" || c.closed != 1 {
		t.Errorf("closed %d times; events mismatch (-want +got):\n%s", c.closed, diff)
	}
	got := map[string]uint64{}
	for _, m := range metrics.Collect(s) {
		if got[m.Name] = m.Value; m.Group != "transactions" {
			t.Errorf("%s is in the group %s", m.Name, m.Group)
		}
	}
	for name, want := range map[string]uint64{"queued": 7, "failures": 1, "failures_fake": 1, "published": 4, "logged_by_resolver": 1,
		"unknown_qube": 1, "held": 0, "waiting": 0, "lost": 0, "acked": 7} {
		if v, ok := got[name]; v != want || !ok {
			t.Errorf("%s = %d; want %d", name, v, want)
		}
	}
}

// TestService_Run_late returns when the time for stopping is over though the output
// takes nothing, once the pipeline is closed.
func TestService_Run_late(t *testing.T) {
	t.Parallel()
	blocked, gate := make(chan struct{}), make(chan struct{})
	var once sync.Once
	s := newService(t, &client{onPublish: func() { once.Do(func() { close(blocked) }); <-gate }})
	late := make(chan struct{})
	ctx, cancel := context.WithCancel(task.WithLate(t.Context(), late))
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	observe(t, s, 6, 6, "one")
	<-blocked
	cancel() // the observer stays open, so the analyzers do not end
	close(gate)
	close(late)
	if err := <-done; err != nil {
		t.Errorf("Run = %v", err)
	}
	s.Observer().Close()
}

// TestService_none returns neither a service nor an error if there is nothing to
// analyze.
func TestService_none(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"{type: fake, port: 80, enabled: false}", "{type: fake}"} {
		closed := new(client)
		s, err := transaction.New(transaction.Config{List: []*conf.C{section(t, text)}}, transaction.Deps{Logger: logp.NewNopLogger(),
			Connect:       func(beat.ProcessingConfig) (beat.Client, error) { return closed, nil },
			InterfaceName: nameOf})
		if s != nil || err != nil {
			t.Errorf("New(%s) = %v, %v; want neither", text, s, err)
		}
	}
}

// TestService_Check returns the errors of a configuration: of the analyzers, and of
// the pipeline's processors.
func TestService_Check(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"{type: fake, port: 80}": "", "{type: fake}": "", "{type: fault}": "reading the configuration: fault: refused",
		"{type: fake, port: 80, processors: [{nonsense: 1}]}": "nonsense"} {
		analyzes, err := transaction.Check(transaction.Config{List: []*conf.C{section(t, text)}}, logp.NewNopLogger())
		if (err != nil) != (want != "") || err != nil && !strings.Contains(err.Error(), want) || analyzes != (err == nil && text != "{type: fake}") {
			t.Errorf("Check(%s) = %v, %v; want %q", text, analyzes, err, want)
		}
	}
}
