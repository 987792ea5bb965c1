package analyzer

import (
	"context"
	"encoding/binary"
	"log/slog"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/elastic-agent-libs/logp"

	"github.com/qubesbeat/qubesbeat/internal/enrich"
	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/feed"
	"github.com/qubesbeat/qubesbeat/internal/guard"
	"github.com/qubesbeat/qubesbeat/internal/metrics"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/qube"
	"github.com/qubesbeat/qubesbeat/module/transaction"
)

// startedService is a service whose analyzers are those of this package, in a
// process of their own: the path from the meter to the pipeline.
type startedService struct {
	tb      testing.TB
	service *transaction.Service
	client  *fakeClient
	guard   *guard.Keeper
	cancel  context.CancelFunc
	done    chan error
}

// startService starts a replay for a configuration, a section on each line.
func startService(tb testing.TB, text string, memory int) *startedService {
	tb.Helper()
	s := &startedService{tb: tb, client: new(fakeClient), guard: guard.New(guard.Config{Logger: slog.New(slog.DiscardHandler)}), done: make(chan error, 1)}
	var err error
	s.service, err = transaction.New(transaction.Config{List: sections(tb, text), Memory: memory}, transaction.Deps{
		Enricher:      &enrich.Enricher{Qubes: noQubes{}, Name: nameOf},
		InterfaceName: nameOf,
		Connect:       func(beat.ProcessingConfig) (beat.Client, error) { return s.client, nil },
		Guard:         s.guard,
		Delivery:      func() event.Delivery { return event.Delivery{} },
		Logger:        logp.NewNopLogger(),
	})
	if err != nil || s.service == nil {
		tb.Fatalf("New = %v, %v", s.service, err)
	}
	ctx, cancel := context.WithCancel(tb.Context())
	s.cancel = cancel
	go func() { s.done <- s.service.Run(ctx) }()
	return s
}

// stop ends the replay and returns the events and the metrics.
func (s *startedService) stop() ([]beat.Event, map[string]uint64) {
	s.tb.Helper()
	s.service.Observer().Close()
	s.cancel()
	if err := <-s.done; err != nil {
		s.tb.Errorf("Run = %v", err)
	}
	s.service.Close()
	counters := map[string]uint64{}
	for _, c := range metrics.Collect(s.service, s.guard) {
		if c.Group == "transactions" {
			counters[c.Name] = c.Value
		}
	}
	return s.client.events, counters
}

// observe passes a packet to the observer, as the meter does.
func (s *startedService) observe(p feed.Packet) {
	s.tb.Helper()
	frame := frameOf(&p)
	k := packet.Packet{Time: p.Time, Iface: p.Iface, Direction: p.Direction}
	if status := k.Decode(packet.LinkRaw, frame); status != packet.OK {
		s.tb.Fatal(status)
	}
	s.service.Observer().Packet(&k, frame)
}

// playTransaction sends an HTTP request of a client, and its response.
func (s *startedService) playTransaction(client string) {
	s.tb.Helper()
	const host = "1.1.1.1:8080"
	request, response := "GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n"
	s.observe(on(newTCP(client, host, packet.ACK, 1, request), 9, packet.Inbound))
	s.observe(on(newTCP(host, client, packet.ACK, 1, response), 9, packet.Inbound))
}

// frameOf returns an IPv4 packet (RFC 791).
func frameOf(p *feed.Packet) []byte {
	var transport []byte
	if p.Proto == packet.ProtoTCP { // RFC 9293 section 3.1
		transport = binary.BigEndian.AppendUint16(transport, p.SrcPort)
		transport = binary.BigEndian.AppendUint16(transport, p.DstPort)
		transport = binary.BigEndian.AppendUint32(transport, p.Seq)
		transport = binary.BigEndian.AppendUint32(transport, p.Ack)
		transport = append(transport, 5<<4, p.Flags, 0, 0, 0, 0, 0, 0)
	} else { // RFC 768
		transport = binary.BigEndian.AppendUint16(transport, p.SrcPort)
		transport = binary.BigEndian.AppendUint16(transport, p.DstPort)
		transport = binary.BigEndian.AppendUint16(transport, uint16(8+len(p.Payload)))
		transport = append(transport, 0, 0)
	}
	transport = append(transport, p.Payload...)
	h := []byte{0x45, 0, 0, 0, 0, 0, 0, 0, 64, p.Proto, 0, 0}
	binary.BigEndian.PutUint16(h[2:], uint16(20+len(transport)))
	h = append(h, p.Src.Netip(4).AsSlice()...)
	h = append(h, p.Dst.Netip(4).AsSlice()...)
	return append(h, transport...)
}

// noQubes is an inventory that knows no qube.
type noQubes struct{}

// ByDomain implements [enrich.QubeLookup].
func (noQubes) ByDomain(int32, time.Time) *qube.Qube { return nil }

// ByAddr implements [enrich.QubeLookup].
func (noQubes) ByAddr(netip.Addr, time.Time) *qube.Qube { return nil }

// fakeClient is a client of the pipeline that keeps what is published.
type fakeClient struct {
	mu     sync.Mutex
	events []beat.Event
}

// Publish implements [beat.Client].
func (c *fakeClient) Publish(e beat.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.events = append(c.events, e)
}

// PublishAll implements [beat.Client].
func (c *fakeClient) PublishAll(all []beat.Event) {
	for _, e := range all {
		c.Publish(e)
	}
}

// Close implements [beat.Client].
func (c *fakeClient) Close() error { return nil }
