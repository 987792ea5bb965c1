package pipeline_test

import (
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/pipeline"
)

// BenchmarkQueue measures one record's way through the queue.
func BenchmarkQueue(b *testing.B) {
	b.Run("one goroutine", func(b *testing.B) {
		q, r, dst := pipeline.NewQueue(16384, false), final(1), make([]flow.Record, 256)
		b.ReportAllocs()
		n := 0
		for b.Loop() {
			q.Push(r)
			if n++; n == len(dst) {
				q.Pop(dst)
				n = 0
			}
		}
	})
	b.Run("two goroutines", func(b *testing.B) {
		q, r := pipeline.NewQueue(16384, true), final(1)
		done := make(chan struct{})
		go func() {
			defer close(done)
			for dst := make([]flow.Record, 256); !q.Done(); {
				q.Pop(dst)
			}
		}()
		b.ReportAllocs()
		for b.Loop() {
			q.Push(r)
		}
		q.Close()
		<-done
	})
	b.Run("full", func(b *testing.B) {
		q, r := pipeline.NewQueue(16, false), interim(1)
		b.ReportAllocs()
		for b.Loop() {
			q.Push(r)
		}
	})
}
