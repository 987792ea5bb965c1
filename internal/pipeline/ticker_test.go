package pipeline_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/capture"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/pipeline"
)

// watch is an observer that wants the time.
type watch struct{ ticks []int64 }

func (w *watch) Packet(*packet.Packet, []byte) {}
func (w *watch) Close()                        {}
func (w *watch) Tick(now int64)                { w.ticks = append(w.ticks, now-t0) }

// TestMeter_Run_ticks gives an observer the time while no packet comes, and lets the source
// wait for a second at most.
func TestMeter_Run_ticks(t *testing.T) {
	t.Parallel()
	clock, w := t0, &watch{}
	idle := func(*capture.Frame) error { clock += int64(time.Second); return capture.ErrIdle }
	src := &fakeSource{steps: []func(*capture.Frame) error{idle, udp(t0+1, 1), idle}}
	m, err := pipeline.NewMeter(pipeline.MeterConfig{Source: src, Queue: pipeline.NewQueue(16, false), NoFlows: true,
		Taps: []pipeline.Tap{w}, Now: func() int64 { return clock }})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int64{1e9, 2e9}, w.ticks); diff != "" {
		t.Errorf("ticks mismatch (-want +got):\n%s", diff)
	}
	for _, d := range src.idle {
		if d > time.Second {
			t.Errorf("the source may wait for %v; want a second at most", d)
		}
	}
}
