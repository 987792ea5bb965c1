package pipeline_test

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/capture"
	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/pipeline"
)

// fakeKeeper numbers the flows and writes down what it gets.
type fakeKeeper struct {
	lines []string
	flows flow.Mark
}

var _ pipeline.Keeper = (*fakeKeeper)(nil) // type check

// Keep implements [pipeline.Keeper].
func (k *fakeKeeper) Keep(frames []capture.Frame, packets []packet.Packet, _ *flow.Table, refs []flow.Ref) {
	for i := range frames {
		if packets == nil {
			k.lines = append(k.lines, fmt.Sprintf("%d: no flow %v", frames[i].Time-t0, refs == nil))
		} else {
			k.keep(&frames[i], &packets[i], refs[i])
		}
	}
}

// keep writes down one frame.
func (k *fakeKeeper) keep(f *capture.Frame, p *packet.Packet, at flow.Ref) {
	m := at.Mark()
	if *m&flow.MarkOpen == 0 {
		*m = flow.MarkOpen | k.flows
		k.flows++
	}
	k.lines = append(k.lines, fmt.Sprintf("%d: port %d %d flow %d", f.Time-t0, p.SrcPort, binary.BigEndian.Uint16(f.Data[20:]), *m&^flow.MarkOpen))
}

// Report implements [pipeline.Keeper].
func (k *fakeKeeper) Report(r *flow.Record) { r.Kept.Written = uint32(r.Mark&^flow.MarkOpen) + 1 }

// TestMeter_Keeper gives every frame to the keeper, in order and with the mark of its flow,
// before the bytes of a block are given back: the source writes over them then.
func TestMeter_Keeper(t *testing.T) {
	t.Parallel()
	src, k := &fakeSource{}, &fakeKeeper{}
	var block [][]byte
	var want []string
	for n := range 40 {
		last, arp, port := n%9 == 8, n%7 == 6, uint16(n%3)
		src.steps = append(src.steps, func(f *capture.Frame) error {
			if n%9 == 0 { // the block before is the kernel's again
				for _, b := range block {
					clear(b)
				}
				block = nil
			}
			data := datagram(port)
			link := packet.LinkRaw
			if arp {
				data, link = append(make([]byte, 12), 0x08, 0x06, 0, 1), packet.LinkEthernet
			}
			block = append(block, data)
			*f = capture.Frame{Data: data, Time: t0 + int64(n), Length: 100, Link: link, Held: !last}
			return nil
		})
		if arp {
			want = append(want, fmt.Sprintf("%d: no flow true", n))
		} else {
			want = append(want, fmt.Sprintf("%d: port %d %d flow %d", n, port, port, port))
		}
	}
	metered(t, pipeline.MeterConfig{Source: src, Queue: pipeline.NewQueue(64, false), Keeper: k,
		Flow: flow.Config{IdleTimeout: time.Minute, MaxFlows: 100}})
	if diff := cmp.Diff(want, k.lines); diff != "" {
		t.Errorf("frames mismatch (-want +got):\n%s", diff)
	}
}

// TestNewMeter_keeper refuses a keeper whose frames would not be valid, or without flows.
func TestNewMeter_keeper(t *testing.T) {
	t.Parallel()
	for _, cfg := range []pipeline.MeterConfig{
		{Source: newEndless(1), Flow: flow.Config{IdleTimeout: time.Minute, MaxFlows: 1}},
		{Source: &fakeSource{}, NoFlows: true},
	} {
		cfg.Queue, cfg.Keeper = pipeline.NewQueue(1, false), &fakeKeeper{}
		if m, err := pipeline.NewMeter(cfg); m != nil || err == nil {
			t.Errorf("NewMeter = %v, %v; want an error", m, err)
		}
	}
}
