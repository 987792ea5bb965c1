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

// panickingObserver panics at the packets of one port.
type panickingObserver struct{ port uint16 }

func (o panickingObserver) Packet(p *packet.Packet, _ []byte) {
	if p.SrcPort == o.port {
		panic("observer")
	}
}
func (panickingObserver) Close() {}

// TestMeter_Guard holds that a panic costs one packet: the other flows are all there,
// and the counters balance.
func TestMeter_Guard(t *testing.T) {
	t.Parallel()
	steps := []func(*capture.Frame) error{udp(t0, 1000), udp(t0+1, 6666), udp(t0+2, 2000), udp(t0+3, 1000)}
	q := pipeline.NewQueue(1000, false)
	keeper := guard.New(guard.Config{Logger: slog.New(slog.DiscardHandler)})
	m := metered(t, pipeline.MeterConfig{Source: &fakeSource{steps: steps}, Queue: q, Taps: []pipeline.Tap{panickingObserver{6666}},
		Guard: keeper.Part("capture/meter"), Flow: flow.Config{IdleTimeout: 10 * time.Second, MaxFlows: 1000}})
	packets := map[uint16]uint64{}
	dst := make([]flow.Record, 10)
	for !q.Done() {
		for _, r := range dst[:q.Pop(dst)] {
			packets[r.Source.Port] += r.Source.Packets
		}
	}
	if len(packets) != 2 || packets[1000] != 2 || packets[2000] != 1 {
		t.Errorf("packets by port = %v; want 2 of 1000 and 1 of 2000", packets)
	}
	s := m.Stats()
	if s.Frames != 4 || s.LostPackets != 1 || s.Table.Packets != 3 || keeper.Part("capture/meter").Panics() != 1 {
		t.Errorf("stats = %+v, %d panics; want 4 frames, 3 metered, 1 lost", s, keeper.Part("capture/meter").Panics())
	}
}
