package beat

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// pollInterval is how often a condition of another process is looked at: nothing tells
// when it has come about.
const pollInterval = 10 * time.Millisecond

// Until polls until holds returns true, and fails the test if it does not within
// [Timeout]. What says what should hold.
func Until(tb testing.TB, what string, holds func() bool) {
	tb.Helper()
	if !poll(Timeout, holds) {
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
	return !poll(d, func() bool { return !holds() })
}

// poll reports whether holds becomes true within d.
func poll(d time.Duration, holds func() bool) bool {
	for deadline := time.Now().Add(d); !holds(); time.Sleep(pollInterval) {
		if time.Now().After(deadline) {
			return false
		}
	}
	return true
}

// Await is [Until] for a beat that must not end meanwhile.
func (b *Beat) Await(tb testing.TB, what string, holds func() bool) {
	tb.Helper()
	ended := false
	Until(tb, what, func() bool {
		ended = b.HasEnded()
		return holds() || ended
	})
	if ended {
		tb.Fatalf("the beat ended before this: %s: %v\n%s", what, b.err, b.Tail())
	}
}

// AwaitLog waits for a log line with a message and, unless key is empty, a field.
func (b *Beat) AwaitLog(tb testing.TB, message, key, value string) {
	tb.Helper()
	Until(tb, "log line "+message+" "+value, func() bool { return b.Logged(message, key, value) || b.HasEnded() })
	if !b.Logged(message, key, value) {
		tb.Fatalf("the beat ended before it logged %q %s: %v\n%s", message, value, b.err, b.Tail())
	}
}

// Logged reports whether the log has a line with a message and, unless key is empty, a
// field.
func (b *Beat) Logged(message, key, value string) bool {
	for line := range strings.Lines(b.Log()) {
		if strings.Contains(line, value) && logs(line, message, key, value) {
			return true
		}
	}
	return false
}

// logs reports whether a line of the log has a message and a field.
func logs(line, message, key, value string) bool {
	var fields map[string]any
	if json.Unmarshal([]byte(line), &fields) != nil {
		return false
	}
	flat := Flatten(fields)
	if !strings.Contains(flat.Text("message"), message) {
		return false
	}
	if key == "" {
		return true
	}
	for name, got := range flat { // a logger may put its fields in a group
		if (name == key || strings.HasSuffix(name, "."+key)) && got == value {
			return true
		}
	}
	return false
}
