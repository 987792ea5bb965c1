package detect_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/detect"
)

// TestQueue_Pop takes the first item at once, lets others gather for a tenth of a second
// afterwards, or until many wait, and returns what is left at the end without waiting.
func TestQueue_Pop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := detect.NewQueue(false)
		begun := time.Now()
		var took []time.Duration
		var counts []int
		done := make(chan struct{})
		go func() {
			defer close(done)
			for items := make([]detect.Item, 4); !q.Done(); {
				if n := q.Pop(items); n > 0 {
					took, counts = append(took, time.Since(begun)), append(counts, n)
				}
			}
		}()
		synctest.Wait()
		q.Push(&detect.Item{At: 1})
		synctest.Wait()
		for range 6 {
			q.Push(&detect.Item{At: 2})
		}
		time.Sleep(time.Second)
		q.Push(&detect.Item{At: 3})
		synctest.Wait()
		q.Push(&detect.Item{At: 4})
		q.Close()
		<-done
		ms := time.Millisecond
		want, wantCounts := []time.Duration{0, 100 * ms, 100 * ms, 1000 * ms, 1000 * ms}, []int{1, 4, 2, 1, 1}
		for i := range want {
			if len(took) != len(want) || took[i] != want[i] || counts[i] != wantCounts[i] {
				t.Fatalf("Pop returned %v items at %v; want %v at %v", counts, took, wantCounts, want)
			}
		}
	})
}
