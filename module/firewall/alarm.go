package firewall

import (
	"time"

	"github.com/qubesbeat/qubesbeat/internal/firewall"
)

// never is later than anything that a tracker waits for.
const never = time.Duration(1) << 62

// standstill is how late an alarm may ring. After more than that, the whole process has
// stood still, for example because the machine was suspended or its memory was swapped
// out.
const standstill = firewall.AdvanceInterval

// catchUp is how long the readers may catch up after a standstill. Attempts would count
// as refused whose acceptance was logged but not read yet.
const catchUp = firewall.AdvanceInterval

// alarm is when a tracker is to be called, on the tracker's clock. It is not safe for
// concurrent use.
type alarm struct {
	due      time.Duration // what the tracker asks for, never if nothing is tracked
	caughtUp time.Duration // when the readers have caught up with the last standstill
	late     bool          // the readers are catching up
}

// set sets the alarm for a moment, or for never if ok is false, and returns when it is to
// ring: not before the readers have caught up.
func (a *alarm) set(at time.Duration, ok bool) time.Duration {
	if a.due = at; !ok {
		a.due = never
	}
	return max(a.due, a.caughtUp)
}

// ring reports whether the tracker is to be called at now. After a standstill it is not,
// but the next time in any case: a machine that is always late must not wait for ever.
func (a *alarm) ring(now time.Duration) bool {
	a.late = !a.late && now > a.due+standstill
	if a.late {
		a.caughtUp = now + catchUp
	}
	return !a.late
}
