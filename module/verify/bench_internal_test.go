package verify

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/config"
	"github.com/qubesbeat/qubesbeat/internal/capture"
	"github.com/qubesbeat/qubesbeat/internal/enrich"
	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/inventory"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/pipeline"
)

// endless is a source of n segments of 1,400 bytes between eight qubes and servers, in flows
// connections each: half of them to a server and half from it, and each of them on a vif and
// on the uplink.
type endless struct {
	left, flows int
	frames      [4 * flow.BatchSize]struct{ data, back []byte } // in turns: a batch holds that many
	names       capture.Interfaces
}

func newEndless(n, flows int) *endless {
	data := make([]byte, 14+20+20+1400)
	data[12], data[14], data[22], data[23] = 8, 0x45, 64, packet.ProtoTCP
	binary.BigEndian.PutUint16(data[16:], uint16(len(data)-14))
	copy(data[26:], []byte{10, 137, 0, 6, 198, 51, 100, 7})
	binary.BigEndian.PutUint16(data[36:], 443)
	data[46], data[47] = 0x50, packet.ACK
	back := bytes.Clone(data)
	copy(back[26:], data[30:34])
	copy(back[30:], data[26:30])
	e := &endless{left: n, flows: flows}
	for i := range e.frames {
		e.frames[i].data, e.frames[i].back = bytes.Clone(data), bytes.Clone(back)
	}
	return e
}

// cut has the packets be shorter.
func (e *endless) cut(n int) {
	for i := range e.frames {
		for _, b := range []*[]byte{&e.frames[i].data, &e.frames[i].back} {
			*b = (*b)[:n]
			binary.BigEndian.PutUint16((*b)[16:], uint16(n-14))
		}
	}
}

// Next implements [capture.Source].
func (e *endless) Next(f *capture.Frame) error {
	if e.left == 0 {
		return io.EOF
	}
	e.left--
	n := e.left / 4
	vif, port := uint32(4+n%8), uint16(n/8%e.flows+1024)
	data, back := e.frames[n%len(e.frames)].data, e.frames[n%len(e.frames)].back
	data[29], back[33] = byte(vif), byte(vif)
	data[33], back[29] = byte(n/8%16), byte(n/8%16)
	binary.BigEndian.PutUint16(data[34:], port)
	binary.BigEndian.PutUint16(back[34:], 443)
	binary.BigEndian.PutUint16(back[36:], port)
	*f = capture.Frame{Time: t0 - int64(e.left)*1000, Length: uint32(len(data)), Link: packet.LinkEthernet, Held: true}
	switch e.left % 4 { // the last comes first
	case 3:
		f.Data, f.Iface, f.Direction = data, vif, packet.Inbound
	case 2:
		f.Data, f.Iface, f.Direction = data, 1, packet.Outbound
	case 1:
		f.Data, f.Iface, f.Direction = back, 1, packet.Inbound
	case 0:
		f.Data, f.Iface, f.Direction = back, vif, packet.Outbound
	}
	return nil
}

func (e *endless) Interfaces() *capture.Interfaces { return &e.names }
func (e *endless) Stats() capture.Stats            { return capture.Stats{} }
func (e *endless) Close() error                    { return nil }

// benchMeter meters b.N packets.
func benchMeter(b *testing.B, flows int, judge pipeline.Judge) {
	m, err := pipeline.NewMeter(pipeline.MeterConfig{Source: newEndless(b.N, flows), Queue: pipeline.NewQueue(1<<17, false), Judge: judge,
		Flow: flow.Config{IdleTimeout: time.Minute, MaxFlows: 100000}})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.ResetTimer()
	if err := m.Run(b.Context()); err != nil {
		b.Fatal(err)
	}
}

// benchNames are the names of the interfaces of endless: the uplink, and eight vifs.
func benchNames() map[uint32]string {
	names := map[uint32]string{1: "eth0"}
	for i := range uint32(8) {
		names[4+i] = "vif1" + string(rune('0'+i)) + ".0"
	}
	return names
}

// benchService returns a service that knows the eight qubes of endless.
func benchService(b *testing.B, name func(uint32) string) *Service {
	b.Helper()
	text := `{"version": 1, "qubes": [`
	for i := range 8 {
		text += fmt.Sprintf(`{"name": "q%d", "netvm": "sys-log", "ip": "10.137.0.%d", "xid": %d},`, i, 4+i, 10+i)
	}
	s, err := inventory.Parse(strings.NewReader(strings.TrimSuffix(text, ",")+"]}"), inventory.Config{})
	if err != nil {
		b.Fatal(err)
	}
	index := inventory.NewIndex(inventory.Config{})
	index.Update(s, time.Unix(0, t0))
	service, err := New(Config{Verify: config.Verify{Enabled: true}, Live: true}, Deps{Sink: discard{}, Enricher: &enrich.Enricher{Qubes: index, Name: name}, Inventory: index,
		HasVif: func(int32) bool { return true }, Local: func(netip.Addr) bool { return false }, KernelDrops: func() uint64 { return 0 },
		Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	return service
}

// BenchmarkMeter compares the meter without verification, with a judge that does nothing and
// with verification, on packets that cost nothing to read. Run it with -count 10 and benchstat.
func BenchmarkMeter(b *testing.B) {
	names := benchNames()
	for name, flows := range map[string]int{"few": 4, "many": 2000} {
		b.Run(name+"/without", func(b *testing.B) { benchMeter(b, flows, nil) })
		b.Run(name+"/nothing", func(b *testing.B) { benchMeter(b, flows, idle{}) })
		b.Run(name+"/with", func(b *testing.B) {
			benchMeter(b, flows, benchService(b, func(i uint32) string { return names[i] }).Judge())
		})
	}
}

// idle is a judge that does nothing.
type idle struct{}

func (idle) Packets([]packet.Packet, []capture.Frame, []flow.Ref) {}
func (idle) Tick(int64)                                           {}
func (idle) Close()                                               {}
