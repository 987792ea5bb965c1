package packets

import (
	"fmt"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/qubesbeat/qubesbeat/config"
	"github.com/qubesbeat/qubesbeat/internal/capture"
	meter "github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// BenchmarkMeter meters packets of 1,000 flows in batches, without a store and with one, whose
// writer runs. ns/op is the time of the meter's goroutine, cpu-ns/op that of the writer, too;
// both without the capture.
func BenchmarkMeter(b *testing.B) {
	for _, size := range []int{60, 508, 1496} {
		for _, on := range []bool{false, true} {
			b.Run(fmt.Sprintf("bytes=%d/store=%v", size, on), func(b *testing.B) { benchmarkMeter(b, size, on) })
		}
	}
}

func benchmarkMeter(b *testing.B, size int, on bool) {
	w := newBench(b)
	if on {
		defer w.run()()
	}
	const flows = 1000
	var frames [flows]capture.Frame
	for i := range frames {
		frames[i] = capture.Frame{Data: frame(uint16(i), 53, max(size, 60)), Length: uint32(size), Iface: 7, Direction: packet.Inbound, Link: packet.LinkEthernet}
	}
	var ps [meter.BatchSize]packet.Packet
	var refs [meter.BatchSize]meter.Ref
	var kept [meter.BatchSize]capture.Frame
	b.ReportAllocs()
	n, start := 0, processorTime(b)
	for b.Loop() {
		k := n % len(ps)
		f := &frames[n%flows]
		w.now += 1000
		f.Time = w.now
		if f.Decode(&ps[k]) != packet.OK {
			b.Fatal("a frame is not decoded")
		}
		if n++; k < len(ps)-1 {
			continue
		}
		if !on {
			w.table.UpdateBatch(ps[:])
			continue
		}
		w.table.UpdateBatchRefs(ps[:], &refs)
		for i := range ps {
			kept[i] = frames[(n-len(ps)+i)%flows]
		}
		w.Keep(kept[:], ps[:], w.table, refs[:])
		for w.store.Load().Pressure() { // what the disk takes, not what is lost
			if err := w.Seal(b.Context(), "no such qube"); err != nil { // which waits for the writer
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(processorTime(b)-start)/float64(n), "cpu-ns/op")
	if on {
		b.ReportMetric(float64(w.metric("cut_pressure")+w.metric("lost_memory"))/float64(n), "cut-or-lost/op")
	}
}

// newBench returns a service with a folder on a disk, and a table with room.
func newBench(b *testing.B) *world {
	dir, err := os.MkdirTemp(os.Getenv("PACKETSTORE_BENCH_DIR"), "packets")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = os.RemoveAll(dir) })
	w := newWorld(b, func(c *Config) { c.DataDir, c.Memory, c.MaxBytes = dir, 32<<20, config.Size(1<<30) })
	w.table, err = meter.New(meter.Config{IdleTimeout: time.Minute, MaxFlows: 10_000, Report: func(*meter.Record) {}})
	if err != nil {
		b.Fatal(err)
	}
	return w
}

// processorTime returns that of the process.
func processorTime(tb testing.TB) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
