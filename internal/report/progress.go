package report

import (
	"fmt"
	"io"
	"time"
)

// progressEvery is how often the line of progress is written again.
const progressEvery = 500 * time.Millisecond

// ShowProgress shows on a terminal how far a replay has come, as read returns it, which is
// called from another goroutine. The function that it returns ends that goroutine and
// clears the line.
func ShowProgress(w io.Writer, read func() Replay) (stop func()) {
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(progressEvery)
		defer ticker.Stop()
		for {
			select {
			case <-quit:
				fmt.Fprint(w, "\r\x1b[K")
				return
			case <-ticker.C:
				fmt.Fprintf(w, "\r\x1b[K%s", Progress(read()))
			}
		}
	}()
	return func() { close(quit); <-done }
}
