//go:build linux

package verify

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/qubesbeat/qubesbeat/config"
	"github.com/qubesbeat/qubesbeat/internal/capture"
	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/pcapng"
	"github.com/qubesbeat/qubesbeat/internal/pipeline"
	"github.com/qubesbeat/qubesbeat/internal/source"
)

// writeCapture writes n packets of eight qubes to a file, and returns its path.
func writeCapture(b *testing.B, n, flows int) string {
	b.Helper()
	out := pcapng.AppendSection(nil, &pcapng.Section{Program: "benchmark"})
	ids := map[uint32]uint32{1: 0}
	out = pcapng.AppendInterface(out, &pcapng.Interface{LinkType: 1, Name: benchNames()[1]})
	for i := range uint32(8) {
		ids[4+i] = 1 + i
		out = pcapng.AppendInterface(out, &pcapng.Interface{LinkType: 1, Name: benchNames()[4+i]})
	}
	packets := newEndless(n, flows)
	packets.cut(600) // as long as packets are on average
	for f := (capture.Frame{}); packets.Next(&f) == nil; {
		flags := map[packet.Direction]uint32{packet.Inbound: 1, packet.Outbound: 2}[f.Direction]
		out = pcapng.AppendPacket(out, &pcapng.Packet{Interface: ids[f.Iface], At: f.Time, Data: f.Data, Length: f.Length, Flags: flags})
	}
	path := filepath.Join(b.TempDir(), "capture.pcapng")
	if err := os.WriteFile(path, out, 0o600); err != nil {
		b.Fatal(err)
	}
	return path
}

// meterFile returns what CPU time the meter takes for a capture file.
func meterFile(b *testing.B, path string, verify bool) time.Duration {
	b.Helper()
	src, err := source.Open(&source.Config{Interfaces: make([]config.Interface, 1), Replay: source.Replay{Files: []string{path}, Loop: 1, TopSpeed: true}})
	if err != nil {
		b.Fatal(err)
	}
	defer src.Close()
	var judge pipeline.Judge
	if verify {
		judge = benchService(b, src.Interfaces().Name).Judge()
	}
	m, err := pipeline.NewMeter(pipeline.MeterConfig{Source: src.Source, Queue: pipeline.NewQueue(1<<17, false), Judge: judge,
		Flow: flow.Config{IdleTimeout: time.Minute, MaxFlows: 100000}})
	if err != nil {
		b.Fatal(err)
	}
	runtime.GC() // what was made for the last run is not collected in this one
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	begin := cpuTime(b)
	if err := m.Run(b.Context()); err != nil {
		b.Fatal(err)
	}
	return cpuTime(b) - begin
}

// cpuTime returns the CPU time of the calling thread: that of the clock is also that of
// what else the machine does.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_THREAD, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkMeter_file is the speed of the meter that reads a capture with verification, as a
// share of that without: the median of pairs of runs, one after the other, so that what else
// the machine does weighs on both.
func BenchmarkMeter_file(b *testing.B) {
	const packets = 300_000
	for name, flows := range map[string]int{"few": 4, "many": 2000} {
		b.Run(name, func(b *testing.B) {
			path := writeCapture(b, packets, flows)
			var shares []float64
			var without, with []time.Duration
			for b.Loop() {
				var one, other time.Duration
				if len(shares)%2 == 0 { // neither is always the second
					one = meterFile(b, path, false)
				}
				other = meterFile(b, path, true)
				if one == 0 {
					one = meterFile(b, path, false)
				}
				without, with = append(without, one), append(with, other)
				shares = append(shares, float64(one)/float64(other))
			}
			slices.Sort(shares)
			b.ReportMetric(shares[len(shares)/2], "share")
			b.ReportMetric(float64(slices.Min(without))/packets, "ns/packet-without")
			b.ReportMetric(float64(slices.Min(with))/packets, "ns/packet-with")
		})
	}
}
