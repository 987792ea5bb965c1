package event_test

import (
	"fmt"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/event"
)

// TestString gives every value a name, also unknown ones, without a panic.
func TestString(t *testing.T) {
	t.Parallel()
	tests := []struct {
		value fmt.Stringer
		want  string
	}{
		{event.Unknown, "unknown"},
		{event.Spoofed, "spoofed"},
		{event.Spoofed + 1, "attribution 3"},
		{event.Attribution(255), "attribution 255"},
		{event.DirectionUnknown, ""},
		{event.Outbound, "outbound"},
		{event.External, "external"},
		{event.External + 1, "direction 5"},
		{event.Direction(255), "direction 255"},
	}
	for _, tt := range tests {
		if got := tt.value.String(); got != tt.want {
			t.Errorf("%T(%d).String() = %q; want %q", tt.value, tt.value, got, tt.want)
		}
	}
}
