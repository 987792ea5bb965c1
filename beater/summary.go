package beater

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/term"

	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/report"
)

// startProgress shows how far a replay has come, on a terminal only. The
// function that it returns ends it and clears the line.
func (r *run) startProgress() (stop func()) {
	if r.live || !term.IsTerminal(int(os.Stderr.Fd())) {
		return func() {}
	}
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(500 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-quit:
				fmt.Fprint(r.stderr, "\r\x1b[K")
				return
			case <-ticker.C:
				fmt.Fprintf(r.stderr, "\r\x1b[K%s", report.Progress(r.progress()))
			}
		}
	}()
	return func() { close(quit); <-done }
}

func (r *run) progress() report.Replay {
	m, s := r.meter.Stats(), r.source.Stats()
	return report.Replay{Read: s.Bytes, Size: s.Size, Packets: m.Frames, Bytes: m.Bytes,
		Flows: m.Table.Created, Events: r.publisher.Stats().Published + r.transactionCount(), Elapsed: time.Since(r.started)}
}

// transactionCount is how many transaction events were published.
func (r *run) transactionCount() uint64 {
	if r.analysis == nil {
		return 0
	}
	return r.analysis.Published()
}

// report prints the summary of a replay, and for a live run logs what was lost.
// It returns why the run was not all that it should have been: a live run whose
// output could not be reached at the end has done what it could.
func (r *run) report(fault error) error {
	lost := r.lost()
	if r.live {
		if lost != nil {
			r.log.Errorw("stopped with losses", "error", lost.Error())
		}
		return fault
	}
	m := r.meter.Stats()
	sum := r.progress()
	sum.NonIP = m.Status[packet.NonIP]
	sum.Truncated, sum.Malformed = m.Status[packet.Truncated], m.Status[packet.Malformed]
	sum.Unsupported = m.Status[packet.Unsupported]
	sum.NotDelivered, sum.OutputFailed = r.undelivered()-r.failed, r.failed
	sum.Incomplete = fault != nil || r.interrupted
	fmt.Fprint(r.stderr, report.Summary(sum))
	return errors.Join(fault, lost)
}
