// Package poll waits for conditions that nothing announces: those of other processes, of
// the kernel, and of a network. Whatever happens in the test's own process is waited for
// with a channel, or in a bubble of testing/synctest.
package poll

import (
	"testing"
	"time"
)

// Timeout bounds every wait. It is long, for a busy machine; none waits in vain.
const Timeout = 30 * time.Second

// A condition is looked at again after shortest, then less and less often, at last in
// intervals of longest.
const (
	shortest = time.Millisecond
	longest  = 20 * time.Millisecond
)

// Until polls until holds returns true, and fails the test if it does not within
// [Timeout]. What says what should hold.
func Until(tb testing.TB, what string, holds func() bool) {
	tb.Helper()
	if !Within(Timeout, holds) {
		tb.Fatalf("not within %v: %s", Timeout, what)
	}
}

// Settle waits until what read returns has been the same for a while: for the end of
// something that nothing announces.
func Settle[T comparable](tb testing.TB, what string, still time.Duration, read func() T) {
	tb.Helper()
	last, since := read(), time.Now()
	Until(tb, what, func() bool {
		if now := read(); now != last {
			last, since = now, time.Now()
		}
		return time.Since(since) >= still
	})
}

// Remains reports whether holds returns true for the whole time d, polling: for a
// condition that nothing confirms, such as that no event comes.
func Remains(d time.Duration, holds func() bool) bool {
	return !Within(d, func() bool { return !holds() })
}

// Within reports whether holds becomes true within d.
func Within(d time.Duration, holds func() bool) bool {
	deadline := time.Now().Add(d)
	for pause := shortest; !holds(); pause = min(2*pause, longest) {
		if time.Now().After(deadline) {
			return false
		}
		time.Sleep(pause)
	}
	return true
}
