package importer

import (
	"fmt"
	"time"
)

// How often progress is shown: on a terminal, where a line replaces the one before, and
// in a file.
const (
	progressTerminal = time.Second
	progressFile     = time.Minute
)

// startProgress shows progress until the function that it returns is called.
func (i *importer) startProgress(begun time.Time) (stop func()) {
	every, format, last := progressFile, "qubesbeat: %s\n", ""
	if i.options.Terminal {
		every, format, last = progressTerminal, "\r\x1b[K%s", "\r\x1b[K"
	}
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for {
			select {
			case <-quit:
				fmt.Fprint(i.options.Stderr, last)
				return
			case <-ticker.C:
				fmt.Fprintf(i.options.Stderr, format, i.options.Work.Progress(time.Since(begun)))
			}
		}
	}()
	return func() { close(quit); <-done }
}
