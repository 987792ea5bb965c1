package pipeline_test

import (
	"fmt"
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

// log is a judge and a watcher that notes its calls.
type log struct{ seen []string }

func (l *log) add(call string)     { l.seen = append(l.seen, call) }
func (l *log) Notice(*flow.Notice) { l.add("flow") }
func (l *log) Record(*flow.Record) { l.add("record") }
func (l *log) Tick(int64)          { l.add("tick") }
func (l *log) Close()              { l.add("close") }

func (l *log) Packets(ps []packet.Packet, _ []capture.Frame, _ []flow.Ref) {
	if len(ps) > 0 {
		l.add(fmt.Sprintf("judge %d", len(ps)))
	}
}

func (l *log) Flush(idle bool) {
	what := map[bool]string{false: "flush", true: "idle"}[idle]
	if n := len(l.seen); n > 0 && l.seen[n-1] != what { // batches without a packet
		l.add(what)
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
func (watcher) Flush(bool)          {}

// TestMeter_Run_flush ends a batch for the watcher when the judge has seen its packets, and the last
// flows have an end, too.
func TestMeter_Run_flush(t *testing.T) {
	t.Parallel()
	idle := func(*capture.Frame) error { return capture.ErrIdle }
	held := func(step func(*capture.Frame) error) func(*capture.Frame) error {
		return func(f *capture.Frame) error { defer func() { f.Held = true }(); return step(f) }
	}
	l := &log{}
	src := &fakeSource{steps: []func(*capture.Frame) error{held(udp(t0, 1)), held(udp(t0+1, 2)), idle, udp(t0+2, 3)}}
	metered(t, pipeline.MeterConfig{Source: src, Queue: pipeline.NewQueue(16, false), Judge: l, Watcher: l, Now: func() int64 { return t0 + 2 },
		Flow: flow.Config{IdleTimeout: time.Minute, MaxFlows: 10}})
	want := []string{"flow", "flow", "judge 2", "flush", "tick", "idle", "flow", "judge 1", "flush", "idle", "close", "record", "record", "record", "idle"}
	if diff := cmp.Diff(want, l.seen); diff != "" {
		t.Errorf("calls mismatch (-want +got):\n%s", diff)
	}
}
