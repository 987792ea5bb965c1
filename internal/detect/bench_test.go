package detect_test

import (
	"encoding/binary"
	"io"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/capture"
	"github.com/qubesbeat/qubesbeat/internal/detect"
	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/pipeline"
)

// traffic is a source of n segments of connections with 40 packets each, of which a thousand
// live at once: more new flows than in any usual traffic.
type traffic struct {
	left  int
	data  []byte
	names capture.Interfaces
}

func newTraffic(n int) *traffic {
	data := make([]byte, 14+20+20+100)
	data[12], data[14], data[22], data[23] = 8, 0x45, 64, packet.ProtoTCP
	binary.BigEndian.PutUint16(data[16:], uint16(len(data)-14))
	copy(data[26:], []byte{10, 137, 0, 6, 198, 51, 100, 7})
	binary.BigEndian.PutUint16(data[36:], 443)
	data[46] = 5 << 4
	return &traffic{left: n, data: data}
}

// Next implements [capture.Source].
func (e *traffic) Next(f *capture.Frame) error {
	if e.left == 0 {
		return io.EOF
	}
	e.left--
	generation := uint32(e.left / 40_000)
	binary.BigEndian.PutUint32(e.data[30:], 0xc6336400+generation%250)
	binary.BigEndian.PutUint16(e.data[34:], uint16(e.left%1000+1024))
	e.data[47] = packet.ACK | packet.PSH
	*f = capture.Frame{Data: e.data, Time: start + (1<<40-int64(e.left))*1000, Length: uint32(len(e.data)), Link: packet.LinkEthernet}
	return nil
}

func (e *traffic) Interfaces() *capture.Interfaces { return &e.names }
func (e *traffic) Stats() capture.Stats            { return capture.Stats{} }
func (e *traffic) Close() error                    { return nil }

// idle looks at nothing that it is shown.
type idle struct{}

func (idle) Notice(*flow.Notice) {}
func (idle) Flush(bool)          {}
func (idle) Record(*flow.Record) {}

// How a meter runs in the benchmarks.
const (
	alone   = iota
	noticed // the table notices what happens in flows, and no one takes it
	watched // a feed takes it, and another goroutine its items from a queue
)

// meter meters n packets and returns how long it took.
func meter(b *testing.B, n, how int) time.Duration {
	b.Helper()
	queue := pipeline.NewQueue(200_000, false) // nothing reads it, and the last flows wait for room
	cfg := pipeline.MeterConfig{Source: newTraffic(n), Queue: queue, Flow: flow.Config{IdleTimeout: time.Minute, MaxFlows: 100_000}}
	items := detect.NewQueue(false)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for taken := make([]detect.Item, 256); !items.Done(); {
			items.Pop(taken)
		}
	}()
	switch how {
	case noticed:
		cfg.Watcher = idle{}
	case watched:
		feed := detect.NewFeed(items.Push, nil)
		cfg.Watcher, cfg.Taps = feed, []pipeline.Tap{feed}
	}
	m, err := pipeline.NewMeter(cfg)
	if err != nil {
		b.Fatal(err)
	}
	begun := time.Now()
	if err := m.Run(b.Context()); err != nil {
		b.Fatal(err)
	}
	took := time.Since(begun)
	items.Close()
	<-done
	return took
}

// BenchmarkMeter_share is the speed of a meter with the detection as a share of that alone, in
// percent, and that with nothing but the notices of the flow table, if every 40th packet begins a
// connection: the fastest of alternating runs.
//
//	go test -run '^$' -bench Meter_share -benchtime 40x ./internal/detect
func BenchmarkMeter_share(b *testing.B) {
	const packets = 400_000
	took := [...]time.Duration{alone: time.Hour, noticed: time.Hour, watched: time.Hour}
	for b.Loop() {
		for how := range took {
			took[how] = min(took[how], meter(b, packets, how))
		}
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(100*took[alone].Seconds()/took[watched].Seconds(), "%-of-alone")
	b.ReportMetric(100*took[alone].Seconds()/took[noticed].Seconds(), "%-notices-only")
	for how, unit := range []string{"ns/packet-alone", "ns/packet-noticed", "ns/packet-watched"} {
		b.ReportMetric(float64(took[how].Nanoseconds())/packets, unit)
	}
}

// BenchmarkMeter is what the feed costs the meter without the queue: two thirds of it are for
// the items, and the rest for looking at each packet.
func BenchmarkMeter(b *testing.B) {
	for _, watched := range []bool{false, true} {
		name := map[bool]string{false: "alone", true: "watched"}[watched]
		b.Run(name, func(b *testing.B) {
			queue := pipeline.NewQueue(200_000, false) // nothing reads it, and the last flows wait for room
			cfg := pipeline.MeterConfig{Source: newTraffic(b.N), Queue: queue, Flow: flow.Config{IdleTimeout: time.Minute, MaxFlows: 100_000}}
			items := 0
			if watched {
				feed := detect.NewFeed(func(list ...detect.Item) { items += len(list) }, nil)
				cfg.Watcher, cfg.Taps = feed, []pipeline.Tap{feed}
			}
			m, err := pipeline.NewMeter(cfg)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			b.ResetTimer()
			if err := m.Run(b.Context()); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(items)/float64(b.N), "items/packet")
		})
	}
}
