package nftrules

import (
	"strings"
	"testing"

	"github.com/mdlayher/netlink"
)

// TestCounterOf_short checks that the error about an answer that is too short says so,
// and wraps no nil error.
func TestCounterOf_short(t *testing.T) {
	t.Parallel()
	for _, replies := range [][]netlink.Message{nil, {{Data: []byte{1}}}, {{}, {}}} {
		_, err := counterOf(replies)
		if err == nil || strings.Contains(err.Error(), "nil") || !strings.Contains(err.Error(), "unexpected answer") {
			t.Errorf("counterOf of %d messages = %v; want an unexpected answer", len(replies), err)
		}
	}
}
