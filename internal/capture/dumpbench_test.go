package capture_test

import (
	"fmt"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/capture"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// cpuTime returns the user and system time of this process so far, in nanoseconds.
func cpuTime(b *testing.B) int64 {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return u.Utime.Nano() + u.Stime.Nano()
}

// BenchmarkDump writes frames into a file. cpu-ns/frame is the CPU time of the whole
// process, with the goroutine that writes.
func BenchmarkDump(b *testing.B) {
	for _, size := range []int{60, 508, 1496} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			d, err := capture.OpenDump(capture.DumpConfig{Prefix: filepath.Join(b.TempDir(), "trace"), Blocking: true})
			if err != nil {
				b.Fatal(err)
			}
			f := capture.Frame{Data: make([]byte, size), Time: dumpTime, Length: uint32(size), Link: packet.LinkEthernet}
			b.ReportAllocs()
			b.ResetTimer()
			begun := cpuTime(b)
			for range b.N {
				d.Frame(&f)
			}
			if err := d.Close(); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(cpuTime(b)-begun)/float64(b.N), "cpu-ns/frame")
		})
	}
}
