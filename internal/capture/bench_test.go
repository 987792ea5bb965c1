package capture_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/capture"
)

func BenchmarkFile_Next(b *testing.B) {
	le, n := microLE(), ngLE()
	for _, size := range []int{64, 1500} {
		data := strings.Repeat("a", size)
		files := []struct {
			name string
			file []byte
		}{
			{name: "pcap", file: cat(le.header(1), bytes.Repeat(le.record(1, 0, uint32(size), data), 10000))},
			{name: "pcapng", file: cat(n.section(), n.named("vif7.0"), bytes.Repeat(n.enhanced(0, 1e15, uint32(size), data), 10000))},
			{name: "pcapng-flags", file: cat(n.section(), n.named("vif7.0"),
				bytes.Repeat(n.enhanced(0, 1e15, uint32(size), data, n.option(2, []byte{1, 0, 0, 0})), 10000))},
		}
		for _, tt := range files {
			b.Run(fmt.Sprintf("%s-%d", tt.name, size), func(b *testing.B) { benchNext(b, tt.file) })
		}
	}
}

// benchNext reads a file repeatedly; the time to open it does not count.
func benchNext(b *testing.B, file []byte) {
	b.ReportAllocs()
	var source *capture.File
	var f capture.Frame
	for b.Loop() {
		if source != nil && source.Next(&f) == nil {
			continue
		}
		b.StopTimer()
		var err error
		if source, err = capture.NewReader("bench", bytes.NewReader(file), nil); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

func BenchmarkInterfaces_Name(b *testing.B) {
	var n capture.Interfaces
	for i := range 20 {
		n.ID(fmt.Sprintf("vif%d.0", i))
	}
	b.ReportAllocs()
	for b.Loop() {
		n.Name(7)
	}
}
