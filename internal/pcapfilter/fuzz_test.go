package pcapfilter_test

import (
	"strings"
	"testing"

	"golang.org/x/net/bpf"

	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/pcapfilter"
)

// FuzzCompile checks that every program is valid and runs on any frame.
func FuzzCompile(f *testing.F) {
	frame := made()[0]
	for i, expr := range append(lines(f, "corpus.txt"), lines(f, "refused.txt")...) {
		expr = strings.NewReplacer("«", "", "»", "").Replace(expr)
		f.Add(expr, uint16([]packet.Link{1, 101, 113, 276, 0, 108}[i%6]), frame)
	}
	f.Fuzz(func(t *testing.T, expr string, link uint16, frame []byte) {
		prog, err := pcapfilter.Compile(expr, packet.Link(link), 0)
		if err != nil {
			return
		}
		if len(prog) > 4096 {
			t.Fatalf("%d instructions; want at most 4096", len(prog))
		}
		if _, err := bpf.Assemble(prog); err != nil {
			t.Fatalf("Assemble: %v", err)
		}
		vm, err := bpf.NewVM(prog)
		if err != nil {
			t.Fatalf("NewVM: %v", err)
		}
		if _, err := vm.Run(frame); err != nil {
			t.Fatalf("Run: %v", err)
		}
	})
}
