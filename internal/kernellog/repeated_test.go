package kernellog_test

import (
	"strings"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/kernellog"
)

// TestParse_repeated parses what rsyslog writes once for several messages that are the
// same, with $RepeatedMsgReduction on.
func TestParse_repeated(t *testing.T) {
	t.Parallel()
	single, ok := kernellog.Parse(drop)
	if !ok || single.Times != 0 {
		t.Fatalf("Parse(%q) = %+v, %v", drop, single, ok)
	}
	for text, times := range map[string]uint32{
		"message repeated 3 times: [ " + drop + "]":                          3,
		"message repeated 2 times: [" + drop + "]":                           2,
		"message repeated 12 times: [ [   12.345678] " + drop + "]":          12,
		"message repeated 3 times: [ [   12.345678][ T1234] " + drop:         3, // cut by rsyslog
		"message repeated 4000000000000 times: [ " + drop + "]":              1_000_000,
		"message repeated 5 times: [ " + strings.TrimSuffix(drop, " URGP=0"): 5,
	} {
		want := single
		want.Times = times
		if got, ok := kernellog.Parse(text); !ok || got != want {
			t.Errorf("Parse(%q) = %+v, %v; want %+v", text, got, ok, want)
		}
	}
	for _, text := range []string{"message repeated x times: [ " + drop + "]", "message repeated 3 times: " + drop, "rule message repeated 3 times: [ " + drop + "]"} {
		if got, ok := kernellog.Parse(text); !ok || got.Times != 0 || !strings.HasPrefix(text, got.Prefix) {
			t.Errorf("Parse(%q) = %+v, %v", text, got, ok)
		}
	}
}
