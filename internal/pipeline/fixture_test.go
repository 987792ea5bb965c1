package pipeline_test

import (
	"encoding/binary"
	"io"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/capture"
	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/pipeline"
)

// t0 is the time of the first packet of the tests.
const t0 = int64(1_700_000_000e9)

// final returns a final record that carries a number.
func final(n uint64) *flow.Record {
	return &flow.Record{Reason: flow.ReasonIdle, Start: int64(n)}
}

// interim returns an interim record that carries a number.
func interim(n uint64) *flow.Record { return &flow.Record{Start: int64(n)} }

// fakeSource is a live source that hands out steps, then io.EOF. Each step fills
// the frame or returns an error.
type fakeSource struct {
	steps   []func(*capture.Frame) error
	OnDrain func() error // nil: nothing to do
	drained int
	idle    []time.Duration // as set, before each step
	names   capture.Interfaces

	woken chan struct{} // closed by Wake; nil: not used
}

var _ capture.Live = (*fakeSource)(nil) // type check

func (s *fakeSource) Next(f *capture.Frame) error {
	if len(s.steps) == 0 {
		return io.EOF
	}
	step := s.steps[0]
	s.steps = s.steps[1:]
	return step(f)
}

func (s *fakeSource) Drain() error {
	s.drained++
	if s.OnDrain != nil {
		return s.OnDrain()
	}
	return nil
}

func (s *fakeSource) Waited() bool            { return false }
func (s *fakeSource) SetIdle(d time.Duration) { s.idle = append(s.idle, d) }
func (s *fakeSource) HasVif(int32) bool       { return false }

func (s *fakeSource) Wake() {
	if s.woken != nil {
		close(s.woken)
	}
}

func (s *fakeSource) Interfaces() *capture.Interfaces { return &s.names }
func (s *fakeSource) Stats() capture.Stats            { return capture.Stats{} }
func (s *fakeSource) Close() error                    { return nil }

// fails returns a step that returns an error.
func fails(err error) func(*capture.Frame) error {
	return func(*capture.Frame) error { return err }
}

// frame returns a step that is a frame with 100 bytes on the wire.
func frame(when int64, link packet.Link, data []byte) func(*capture.Frame) error {
	return func(f *capture.Frame) error {
		*f = capture.Frame{Data: data, Time: when, Length: 100, Link: link}
		return nil
	}
}

// datagram returns an IPv4 UDP packet from 10.137.0.6 with a source port.
func datagram(port uint16) []byte {
	b := []byte{
		0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 10, 137, 0, 6, 1, 1, 1, 1, // IPv4
		0, 0, 0, 53, 0, 8, 0, 0, // UDP
	}
	binary.BigEndian.PutUint16(b[20:], port)
	return b
}

// udp returns a step that is a datagram.
func udp(when int64, port uint16) func(*capture.Frame) error {
	return frame(when, packet.LinkRaw, datagram(port))
}

// metered returns a meter that has metered all that its source has.
func metered(t *testing.T, cfg pipeline.MeterConfig) *pipeline.Meter {
	t.Helper()
	m, err := pipeline.NewMeter(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	return m
}

// fakeSink keeps the documents. It is safe for concurrent use.
type fakeSink struct {
	mu   sync.Mutex
	docs []*fakeDocument
}

var _ event.Sink = (*fakeSink)(nil) // type check

func (s *fakeSink) Publish(d event.Document) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.docs = append(s.docs, d.(*fakeDocument))
}

// names returns the qubes of the documents so far, "?" for none.
func (s *fakeSink) names() (names []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.docs {
		name := "?"
		if d.Qube != nil {
			name = d.Qube.Name
		}
		names = append(names, name+" "+d.Attribution.String())
	}
	return names
}

// fakeDocument is a flow that writes nothing.
type fakeDocument struct {
	event.Document
	*event.Flow
}

func toDocument() (event.Document, *event.Flow) {
	f := new(event.Flow)
	return &fakeDocument{Flow: f}, f
}

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }
