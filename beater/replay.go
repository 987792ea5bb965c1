package beater

import (
	"fmt"
	"os"

	"golang.org/x/term"

	"github.com/qubesbeat/qubesbeat/internal/report"
)

// startProgress shows how far a replay has come, on a terminal only. The function that
// it returns ends it.
func (r *run) startProgress() (stop func()) {
	if r.live || !term.IsTerminal(int(os.Stderr.Fd())) {
		return func() {}
	}
	return report.ShowProgress(r.stderr, r.replay)
}

// replay returns how far a replay has come.
func (r *run) replay() report.Replay {
	sum := r.flows.Replay(r.started)
	if r.analyzed != nil {
		sum.Events += r.analyzed.Published()
	}
	return sum
}

// summarize prints the outcome of a replay.
func (r *run) summarize(fault error) {
	sum := r.replay()
	failed := r.delivery.Failed()
	sum.NotDelivered, sum.OutputFailed = r.undelivered()-failed, failed
	sum.RefusedIn = r.refused
	sum.Incomplete = sum.Incomplete || fault != nil
	fmt.Fprint(r.stderr, report.Summary(sum))
}
