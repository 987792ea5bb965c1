package pipeline_test

import (
	"encoding/binary"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/capture"
	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/guard"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/pipeline"
)

// endless is a source of n datagrams in 1,000 flows.
type endless struct {
	left  int
	data  []byte
	names capture.Interfaces
}

func newEndless(n int) *endless {
	data := make([]byte, 14+20+8+32)
	data[12], data[14], data[22], data[23] = 8, 0x45, 64, packet.ProtoUDP
	binary.BigEndian.PutUint16(data[16:], 60)
	copy(data[26:], []byte{10, 137, 0, 6, 198, 51, 100, 7})
	binary.BigEndian.PutUint16(data[36:], 53)
	binary.BigEndian.PutUint16(data[38:], 40)
	return &endless{left: n, data: data}
}

// Next implements [capture.Source].
func (e *endless) Next(f *capture.Frame) error {
	if e.left == 0 {
		return io.EOF
	}
	e.left--
	binary.BigEndian.PutUint16(e.data[34:], uint16(e.left%1000+1024))
	*f = capture.Frame{Data: e.data, Time: t0 + int64(e.left%1000), Length: uint32(len(e.data)), Link: packet.LinkEthernet}
	return nil
}

func (e *endless) Interfaces() *capture.Interfaces { return &e.names }
func (e *endless) Stats() capture.Stats            { return capture.Stats{} }
func (e *endless) Close() error                    { return nil }

// BenchmarkMeter meters a packet, from the source to the flow table.
func BenchmarkMeter(b *testing.B) {
	cfg := pipeline.MeterConfig{Source: newEndless(b.N), Queue: pipeline.NewQueue(2048, false), Flow: flow.Config{IdleTimeout: time.Minute, MaxFlows: 10000}}
	cfg.Guard = guard.New(guard.Config{Logger: slog.New(slog.DiscardHandler)}).Part("capture/meter")
	m, err := pipeline.NewMeter(cfg)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.ResetTimer()
	if err := m.Run(b.Context()); err != nil {
		b.Fatal(err)
	}
	if s := m.Stats(); s.Table.Packets != uint64(b.N) {
		b.Fatalf("%d packets metered; want %d", s.Table.Packets, b.N)
	}
}
