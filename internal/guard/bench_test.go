package guard_test

import (
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/guard"
)

var sum int // keeps the work

//go:noinline
func work(b []byte) { sum += len(b) }

func guarded(p *guard.Part, b []byte) {
	defer p.Recover(&b)
	work(b)
}

func probed(p *guard.Part, b []byte) {
	defer p.Recover(&b)
	p.Probe(b)
	work(b)
}

// BenchmarkPart measures what a guard costs if nothing panics.
func BenchmarkPart(b *testing.B) {
	k, _ := newKeeper("")
	p, input := k.Part("part"), make([]byte, 64)
	inputOf, f := func() []byte { return input }, func() { work(input) }
	for _, bb := range []struct {
		name string
		do   func()
	}{
		{"none", f},
		{"Recover", func() { guarded(p, input) }},
		{"Recover, Probe", func() { probed(p, input) }},
		{"Do", func() { _ = p.Do(inputOf, f) }},
	} {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				bb.do()
			}
		})
	}
}

// TestPart_allocs is not parallel, because AllocsPerRun refuses that.
func TestPart_allocs(t *testing.T) {
	k, _ := newKeeper("")
	p, input := k.Part("part"), make([]byte, 64)
	inputOf, f := func() []byte { return input }, func() { work(input) }
	if n := testing.AllocsPerRun(100, func() { probed(p, input); _ = p.Do(inputOf, f) }); n != 0 {
		t.Errorf("a guard allocates %v times; want 0", n)
	}
}
