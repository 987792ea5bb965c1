package pipeline_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/capture"
	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/guard"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/pipeline"
)

// fakeGauge counts. It belongs to the meter's goroutine until Run has returned.
type fakeGauge struct {
	packets, bytes uint64
	flows, forgot  int
	shares         int
	OnPackets      func(ps []packet.Packet) // nil: nothing to do
	OnFlow         func()                   // nil: nothing to do
	OnShare        func()                   // nil: nothing to do
}

var _ pipeline.Gauge = (*fakeGauge)(nil) // type check

func (g *fakeGauge) Packets(ps []packet.Packet) {
	if g.OnPackets != nil {
		g.OnPackets(ps)
	}
	for i := range ps {
		g.packets++
		g.bytes += uint64(ps[i].Length)
	}
}

func (g *fakeGauge) Flow(_ uint32, change int) {
	if g.OnFlow != nil {
		g.OnFlow()
	}
	g.flows += change
}
func (g *fakeGauge) Shunted(_ *packet.Packet, packets, _ uint64) { g.packets += packets }

func (g *fakeGauge) ForgetFlows() { g.flows, g.forgot = 0, g.forgot+1 }

func (g *fakeGauge) Share() {
	if g.shares++; g.OnShare != nil {
		g.OnShare()
	}
}

// runGauged meters steps with a gauge and returns the meter.
func runGauged(t *testing.T, g pipeline.Gauge, noFlows bool, part *guard.Part, steps ...func(*capture.Frame) error) *pipeline.Meter {
	t.Helper()
	return metered(t, pipeline.MeterConfig{Source: &fakeSource{steps: steps}, Queue: pipeline.NewQueue(1000, false), Gauge: g, NoFlows: noFlows,
		Guard: part, Flow: flow.Config{IdleTimeout: 10 * time.Second, MaxFlows: 1000}})
}

// TestMeter_Gauge counts every packet that is in a flow, and every flow, and shares what
// there is before it waits and at the end.
func TestMeter_Gauge(t *testing.T) {
	t.Parallel()
	g, atIdle := &fakeGauge{}, uint64(0)
	g.OnShare = func() {
		if atIdle == 0 {
			atIdle = g.packets
		}
	}
	m := runGauged(t, g, false, nil, udp(t0, 1000), udp(t0+1, 2000), frame(t0+2, packet.LinkRaw, []byte{0}), fails(capture.ErrIdle), udp(t0+3, 1000))
	s := m.Stats()
	if g.packets != 3 || g.packets != s.Table.Packets || g.bytes != s.Table.Bytes {
		t.Errorf("the gauge has %d packets, %d bytes; the table %d, %d", g.packets, g.bytes, s.Table.Packets, s.Table.Bytes)
	}
	if g.flows != 0 || s.Table.Created != 2 {
		t.Errorf("%d flows are live at the end; %d were created", g.flows, s.Table.Created)
	}
	if atIdle != 2 {
		t.Errorf("%d packets were shared when the source had no more; want 2", atIdle)
	}
}

// TestMeter_Gauge_noFlows counts packets where flows are off.
func TestMeter_Gauge_noFlows(t *testing.T) {
	t.Parallel()
	g := &fakeGauge{}
	if runGauged(t, g, true, nil, udp(t0, 1000), udp(t0+1, 2000)); g.packets != 2 || g.flows != 0 {
		t.Errorf("%d packets, %d flows; want 2, 0", g.packets, g.flows)
	}
}

// TestMeter_Gauge_panic goes on after a panic of the gauge.
func TestMeter_Gauge_panic(t *testing.T) {
	t.Parallel()
	g := &fakeGauge{}
	g.OnPackets = func(ps []packet.Packet) {
		if len(ps) > 0 && ps[0].SrcPort == 6666 {
			panic("gauge")
		}
	}
	part := guard.New(guard.Config{Logger: slog.New(slog.DiscardHandler)}).Part("capture/meter")
	m := runGauged(t, g, false, part, udp(t0, 6666), fails(capture.ErrIdle), udp(t0+1, 1000))
	if g.packets != 1 || m.Stats().Table.Packets != 2 || part.Panics() != 1 {
		t.Errorf("%d packets are counted, %d metered, %d panics; want 1, 2, 1", g.packets, m.Stats().Table.Packets, part.Panics())
	}
}

// TestMeter_Gauge_tablePanic gives up the flows of a table that has panicked.
func TestMeter_Gauge_tablePanic(t *testing.T) {
	t.Parallel()
	g, flows := &fakeGauge{}, 0
	g.OnFlow = func() {
		if flows++; flows == 2 {
			panic("table")
		}
	}
	part := guard.New(guard.Config{Logger: slog.New(slog.DiscardHandler)}).Part("capture/meter")
	runGauged(t, g, false, part, udp(t0, 1000), udp(t0+1, 2000), fails(capture.ErrIdle), udp(t0+2, 3000))
	if g.forgot != 1 || g.flows != 0 {
		t.Errorf("forgotten %d times, %d flows live at the end; want once, none", g.forgot, g.flows)
	}
}

// TestMeter_Wake wakes a source that waits, and does nothing to one that does not.
func TestMeter_Wake(t *testing.T) {
	t.Parallel()
	source := &fakeSource{woken: make(chan struct{})}
	for _, s := range []capture.Source{source, newEndless(0)} {
		m, err := pipeline.NewMeter(pipeline.MeterConfig{Source: s, Queue: pipeline.NewQueue(10, false), NoFlows: true})
		if err != nil {
			t.Fatal(err)
		}
		m.Wake()
	}
	select {
	case <-source.woken:
	default:
		t.Error("the source was not woken")
	}
}
