package eventfile

import (
	"errors"
	"fmt"
	"syscall"
	"time"
)

// retryEvery is the time between two attempts while nothing can be written.
const retryEvery = time.Second

// errFull is why nothing is written before the file system is full.
var errFull = errors.New("the file system is almost full")

// fault is why nothing is written.
type fault struct {
	err   error     // nil while all is well
	next  time.Time // of the next attempt
	since uint64    // Stats.Refused when it began
}

// mayTry reports whether it is time to write.
func (f *fault) mayTry(now time.Time) bool { return f.err == nil || !now.Before(f.next) }

// note remembers the outcome of an attempt. It logs when writing begins to fail and
// when it works again.
func (w *Writer) note(err error) {
	f := &w.fault
	switch {
	case err != nil && f.err == nil:
		f.since = w.stats.Refused
		w.conf.Logger.Error("events cannot be written; until that works again they are counted and dropped, and no file is deleted",
			"path", w.Path(), "reason", reason(err))
	case err == nil && f.err != nil:
		w.conf.Logger.Warn("events are written again", "path", w.Path(), "dropped", w.stats.Refused-f.since)
	}
	if f.err = err; err != nil {
		f.next = w.conf.Now().Add(retryEvery)
	}
}

// reason returns an error as text, with the next step where it is known.
func reason(err error) string {
	if errors.Is(err, errFull) || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Sprintf("%v; make room, or lower number_of_files", err)
	}
	return err.Error()
}
