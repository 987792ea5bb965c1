package detect_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/detect"
)

// pops returns when a reader of four items at once takes how many from a queue, in which items
// are pushed: at once, at a time when others gather, and at the end.
func pops(t *testing.T, block bool, gathered ...int64) (lines []string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		q := detect.NewQueue(block)
		begun := time.Now()
		done := make(chan struct{})
		go func() {
			defer close(done)
			for items := make([]detect.Item, 4); !q.Done(); {
				lines = append(lines, fmt.Sprintf("%d at %v", q.Pop(items), time.Since(begun)))
			}
		}()
		synctest.Wait()
		q.Push(detect.Item{At: 1})
		synctest.Wait()
		for _, at := range gathered {
			q.Push(detect.Item{At: at})
		}
		time.Sleep(time.Second)
		q.Push(detect.Item{At: gathered[0]})
		synctest.Wait()
		q.Push(detect.Item{At: gathered[0]})
		q.Close()
		<-done
	})
	return lines
}

// TestQueue_Pop takes the first item at once, lets others gather for some time afterwards, or until
// one is a tenth of a second later, and returns what is left at the end without waiting.
func TestQueue_Pop(t *testing.T) {
	t.Parallel()
	const soon, later = 2, 2 + int64(100*time.Millisecond)
	for _, tt := range []struct {
		name  string
		block bool
		items []int64
		want  []string
	}{
		{"file", true, []int64{soon, soon, soon, soon, soon, later}, []string{"1 at 0s", "4 at 100ms", "2 at 100ms", "1 at 1s", "1 at 1s"}},
		{"live", false, []int64{soon, soon, soon, soon, soon, soon}, []string{"1 at 0s", "4 at 400ms", "2 at 400ms", "1 at 1s", "1 at 1s"}},
		{"live, one later", false, []int64{soon, soon, soon, soon, soon, later}, []string{"1 at 0s", "4 at 0s", "2 at 0s", "1 at 1s", "1 at 1s"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, pops(t, tt.block, tt.items...)); diff != "" {
				t.Errorf("pops mismatch (-want +got):\n%s", diff)
			}
		})
	}
}
