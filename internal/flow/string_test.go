package flow_test

import (
	"fmt"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/flow"
)

// TestString gives every value a name, also unknown ones, without a panic.
func TestString(t *testing.T) {
	t.Parallel()
	tests := []struct {
		value fmt.Stringer
		want  string
	}{
		{flow.ReasonNone, ""},
		{flow.ReasonIdle, "idle"},
		{flow.ReasonEvicted, "evicted"},
		{flow.Reason(flow.Reasons), "reason 6"},
		{flow.Reason(255), "reason 255"},
		{flow.StateNone, ""},
		{flow.StateSynSent, "syn_sent"},
		{flow.StateReset, "reset"},
		{flow.StateReset + 1, "state 8"},
		{flow.State(255), "state 255"},
	}
	for _, tt := range tests {
		if got := tt.value.String(); got != tt.want {
			t.Errorf("%T(%d).String() = %q; want %q", tt.value, tt.value, got, tt.want)
		}
	}
}
