package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/capture"
	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/pipeline"
)

var errDisk = errors.New("disk on fire")

// run meters a source and returns the meter, its records as "port packets
// reason", and the error of Run.
func run(t *testing.T, ctx context.Context, src *fakeSource, now func() int64) (*pipeline.Meter, []string, error) {
	t.Helper()
	q := pipeline.NewQueue(1000, false)
	m, err := pipeline.NewMeter(pipeline.MeterConfig{Source: src, Queue: q, Now: now,
		Flow: flow.Config{IdleTimeout: 10 * time.Second, MaxFlows: 1000}})
	if err != nil {
		t.Fatal(err)
	}
	fault := m.Run(ctx)
	var lines []string
	dst := make([]flow.Record, 10)
	for !q.Done() {
		for _, r := range dst[:q.Pop(dst)] {
			lines = append(lines, fmt.Sprintf("%d %d %v", r.Source.Port, r.Source.Packets, r.Reason))
		}
	}
	return m, lines, fault
}

func TestNewMeter(t *testing.T) {
	t.Parallel()
	if m, err := pipeline.NewMeter(pipeline.MeterConfig{}); err == nil || !strings.Contains(err.Error(), "idle timeout") {
		t.Errorf("NewMeter = %v, %v; want an error about the idle timeout", m, err)
	}
}

// TestMeter_Run counts each frame by what it was: the frames are the packets of
// the table and those of every other status.
func TestMeter_Run(t *testing.T) {
	t.Parallel()
	arp := append(make([]byte, 12), 0x08, 0x06)
	src := &fakeSource{steps: []func(*capture.Frame) error{
		udp(t0, 1000), udp(t0+1, 1000), udp(t0+2, 2000),
		frame(t0, packet.LinkEthernet, arp),
		frame(t0, packet.LinkRaw, datagram(1)[:10]),
		frame(t0, packet.LinkRaw, []byte{0x15, 0}),
		frame(t0, packet.Link(147), []byte{1}), frame(t0, packet.Link(148), []byte{1}),
	}}
	m, lines, err := run(t, t.Context(), src, nil)
	if err != nil {
		t.Errorf("Run = %v; want nil", err)
	}
	if diff := cmp.Diff([]string{"1000 2 forced", "2000 1 forced"}, lines); diff != "" {
		t.Errorf("records mismatch (-want +got):\n%s", diff)
	}
	want := pipeline.MeterStats{Frames: 8, Bytes: 800}
	for status, n := range map[packet.Status]uint64{packet.OK: 3, packet.NonIP: 1, packet.Truncated: 1, packet.Malformed: 1, packet.Unsupported: 2} {
		want.Status[status], want.StatusBytes[status] = n, 100*n
	}
	want.Table = flow.Stats{Packets: 3, Bytes: 300, Created: 2}
	want.Table.Records[flow.ReasonForced] = 2
	if diff := cmp.Diff(want, m.Stats()); diff != "" {
		t.Errorf("Stats mismatch (-want +got):\n%s", diff)
	}
}

// TestMeter_Run_many crosses the batches and the checks of the context.
func TestMeter_Run_many(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 15, 16, 17, 1023, 1024, 1025, 5000} {
		src := new(fakeSource)
		for i := range n {
			src.steps = append(src.steps, udp(t0+int64(i), 1000))
		}
		m, lines, err := run(t, t.Context(), src, nil)
		if want := fmt.Sprintf("1000 %d forced", n); err != nil || len(lines) != 1 || lines[0] != want {
			t.Errorf("Run of %d packets: %v, %v; want %q", n, lines, err, want)
		}
		if got := m.Stats(); got.Frames != uint64(n) || got.Table.Packets != uint64(n) {
			t.Errorf("Stats = %+v; want %d frames and packets", got, n)
		}
	}
}

// TestMeter_Run_pauses says what the meter does when there is no frame.
func TestMeter_Run_pauses(t *testing.T) {
	t.Parallel()
	later := func() int64 { return t0 + 11e9 }
	idle := fails(fmt.Errorf("poll: %w", capture.ErrIdle))
	again := fails(capture.ErrAgain)
	tests := []struct {
		name  string
		steps []func(*capture.Frame) error
		now   func() int64
		want  []string
	}{
		{"idle advances the clock", []func(*capture.Frame) error{udp(t0, 1), idle, udp(t0+12e9, 2)}, later, []string{"1 1 idle", "2 1 forced"}},
		{"idle in a replay: time stands still", []func(*capture.Frame) error{udp(t0, 1), idle, udp(t0+1, 1)}, nil, []string{"1 2 forced"}},
		{"again: the pass is complete", []func(*capture.Frame) error{udp(t0, 1), again, udp(t0, 1)}, nil, []string{"1 1 forced", "1 1 forced"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, lines, err := run(t, t.Context(), &fakeSource{steps: tt.steps}, tt.now)
			if diff := cmp.Diff(tt.want, lines); diff != "" || err != nil {
				t.Errorf("Run = %v; records mismatch (-want +got):\n%s", err, diff)
			}
		})
	}
}

// TestMeter_Run_faults keeps what was good, and says what was not.
func TestMeter_Run_faults(t *testing.T) {
	t.Parallel()
	odd := frame(t0, packet.Link(147), []byte{1})
	tests := []struct {
		name  string
		steps []func(*capture.Frame) error
		want  []string
		err   string
	}{
		{"source", []func(*capture.Frame) error{udp(t0, 1), fails(errDisk)}, []string{"1 1 forced"}, "reading packets: disk on fire"},
		{"no readable frame", []func(*capture.Frame) error{odd, odd}, nil, "all 2 have link type 147"},
		{"one readable frame", []func(*capture.Frame) error{odd, udp(t0, 1), odd}, []string{"1 1 forced"}, ""},
		{"one frame that is not IP", []func(*capture.Frame) error{odd, frame(t0, packet.LinkEthernet, make([]byte, 14))}, nil, ""},
		{"unreadable and a fault", []func(*capture.Frame) error{odd, fails(errDisk)}, nil, "disk on fire"},
		{"empty", nil, nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, lines, err := run(t, t.Context(), &fakeSource{steps: tt.steps}, nil)
			if diff := cmp.Diff(tt.want, lines); diff != "" {
				t.Errorf("records mismatch (-want +got):\n%s", diff)
			}
			if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("Run = %v; want %q", err, tt.err)
			}
			if tt.name == "source" && !errors.Is(err, errDisk) {
				t.Errorf("Run = %v; want it to wrap the fault", err)
			}
		})
	}
}

// TestMeter_Run_drain meters what the source still holds when ctx ends.
func TestMeter_Run_drain(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	src := new(fakeSource)
	src.steps = []func(*capture.Frame) error{
		udp(t0, 1),
		func(*capture.Frame) error { cancel(); return capture.ErrIdle },
		udp(t0+1, 1), udp(t0+2, 1), fails(capture.ErrIdle), // in the ring
		udp(t0+3, 1), // never
	}
	m, lines, err := run(t, ctx, src, nil)
	if diff := cmp.Diff([]string{"1 3 forced"}, lines); diff != "" || err != nil || src.drained != 1 {
		t.Errorf("Run = %v, %d drained; records mismatch (-want +got):\n%s", err, src.drained, diff)
	}
	if got := m.Stats().Frames; got != 3 {
		t.Errorf("Frames = %d; want 3", got)
	}
}

// TestMeter_Run_drainFault reports that the source cannot be drained.
func TestMeter_Run_drainFault(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	src := &fakeSource{steps: []func(*capture.Frame) error{udp(t0, 1), fails(io.EOF)}, OnDrain: func() error { return errDisk }}
	_, lines, err := run(t, ctx, src, nil)
	if !errors.Is(err, errDisk) || len(lines) != 1 {
		t.Errorf("Run = %v, %v; want %v and the record", lines, err, errDisk)
	}
}

// TestMeter_Run_idle lets the source wait for as long as there is nothing to do:
// a packet in the batch, or a flow, must not wait for long.
func TestMeter_Run_idle(t *testing.T) {
	t.Parallel()
	idle := fails(capture.ErrIdle)
	const short, long = 250 * time.Millisecond, 10 * time.Second
	clock := t0
	at := func(when int64) func(*capture.Frame) error {
		return func(*capture.Frame) error { clock = when; return capture.ErrIdle }
	}
	src := &fakeSource{steps: []func(*capture.Frame) error{
		idle,           // no flow: 10 s
		udp(t0, 1),     // it may be one of many: 250 ms
		at(t0 + 250e6), // a flow, due after 10 s
		at(t0 + 9e9),   // due in about a second
		at(t0 + 9.99e9),
		at(t0 + 11e9), // no flow
	}}
	_, lines, err := run(t, t.Context(), src, func() int64 { return clock })
	if diff := cmp.Diff([]string{"1 1 idle"}, lines); diff != "" || err != nil {
		t.Errorf("Run = %v; records mismatch (-want +got):\n%s", err, diff)
	}
	// The table looks every 10 s / 64.
	want := []time.Duration{short, long, short, 9750 * time.Millisecond, time.Second, short, long}
	near := cmp.Comparer(func(a, b time.Duration) bool { return (a - b).Abs() < 200*time.Millisecond })
	if diff := cmp.Diff(want, src.idle, near); diff != "" {
		t.Errorf("SetIdle mismatch (-want +got):\n%s", diff)
	}
}

// TestMeter_Run_wake ends the wait of the source with the context.
func TestMeter_Run_wake(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		src := &fakeSource{woken: make(chan struct{})}
		src.steps = []func(*capture.Frame) error{
			func(*capture.Frame) error { <-src.woken; return capture.ErrIdle },
			udp(t0, 1), fails(capture.ErrIdle), // in the ring
		}
		time.AfterFunc(time.Hour, cancel)
		begin := time.Now()
		_, lines, err := run(t, ctx, src, nil)
		if diff := cmp.Diff([]string{"1 1 forced"}, lines); diff != "" || err != nil || time.Since(begin) != time.Hour {
			t.Errorf("Run = %v after %v; records mismatch (-want +got):\n%s", err, time.Since(begin), diff)
		}
	})
}

// TestAttack03_shutdown publishes the flows of a quiet interface before those of a
// flood when a live capture ends, for there may not be the time for all.
func TestAttack03_shutdown(t *testing.T) {
	t.Parallel()
	src := new(fakeSource)
	for port := range uint16(1000) {
		iface := uint32(6)
		if port%100 == 99 {
			iface = 7
		}
		src.steps = append(src.steps, func(f *capture.Frame) error {
			*f = capture.Frame{Data: datagram(port), Time: t0, Length: 100, Link: packet.LinkRaw, Iface: iface}
			return nil
		})
	}
	q := pipeline.NewQueue(4000, false)
	metered(t, pipeline.MeterConfig{Source: src, Queue: q, Flow: flow.Config{IdleTimeout: time.Minute, MaxFlows: 5000}})
	dst := make([]flow.Record, 10)
	for _, r := range dst[:q.Pop(dst)] {
		if r.Iface != 7 {
			t.Fatalf("a flow of interface %d comes before those of the quiet one", r.Iface)
		}
	}
	if s := q.Stats(); s.In != 1000 || s.FinalDropped != 0 {
		t.Errorf("Stats = %+v; want 1,000 flows, none dropped", s)
	}
}
