package beat

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/testbed/poll"
)

// Await is [poll.Until] for a beat that must not end meanwhile.
func (b *Beat) Await(tb testing.TB, what string, holds func() bool) {
	tb.Helper()
	ended := false
	poll.Until(tb, what, func() bool {
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
	poll.Until(tb, "log line "+message+" "+value, func() bool { return b.Logged(message, key, value) || b.HasEnded() })
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
