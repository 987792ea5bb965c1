package pipeline_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/capture"
	"github.com/qubesbeat/qubesbeat/internal/flow"
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
	metered(t, pipeline.MeterConfig{Source: src, Queue: pipeline.NewQueue(16, false), NoFlows: true,
		Taps: []pipeline.Tap{w}, Now: func() int64 { return clock }})
	if diff := cmp.Diff([]int64{1e9, 2e9}, w.ticks); diff != "" {
		t.Errorf("ticks mismatch (-want +got):\n%s", diff)
	}
	for _, d := range src.idle {
		if d > time.Second {
			t.Errorf("the source may wait for %v; want a second at most", d)
		}
	}
}

// strange is an observer of frames without an IP packet, beside packets.
type strange struct {
	metered func() uint64
	seen    []uint64 // packets that were metered before each
}

func (s *strange) Packet(*packet.Packet, []byte) {}
func (s *strange) Close()                        {}
func (s *strange) Frame(*capture.Frame)          { s.seen = append(s.seen, s.metered()) }

// TestMeter_Run_frames shows frames without an IP packet once all packets before are metered, and no
// others.
func TestMeter_Run_frames(t *testing.T) {
	t.Parallel()
	arp := append(make([]byte, 12), 8, 6, 0, 1)
	other, bad := frame(t0+2, packet.LinkEthernet, arp), frame(t0+3, packet.LinkEthernet, arp[:9])
	begun := uint64(0)
	s := &strange{metered: func() uint64 { return begun }}
	src := &fakeSource{steps: []func(*capture.Frame) error{udp(t0, 1), other, bad, udp(t0+4, 2), udp(t0+5, 3), other}}
	conf := pipeline.MeterConfig{Source: src, Queue: pipeline.NewQueue(16, false), Taps: []pipeline.Tap{s}, Watcher: watcher(func() { begun++ }),
		Flow: flow.Config{IdleTimeout: time.Minute, MaxFlows: 10}}
	metered(t, conf)
	if diff := cmp.Diff([]uint64{1, 3}, s.seen); diff != "" {
		t.Errorf("flows before each frame mismatch (-want +got):\n%s", diff)
	}
}

// watcher is called with each flow that begins.
type watcher func()

func (w watcher) Notice(n *flow.Notice) {
	if n.Kind == flow.Opened {
		w()
	}
}
func (watcher) Record(*flow.Record) {}
