package share_test

import (
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/share"
)

func TestOldest(t *testing.T) {
	t.Parallel()
	at := func(v int64) int64 { return v }
	for want, m := range map[string]map[string]int64{
		"":  nil,
		"b": {"a": 3, "b": -1, "c": 2},
		"a": {"c": 1, "a": 1, "b": 2},
	} {
		if got := share.Oldest(m, at); got != want {
			t.Errorf("Oldest(%v) = %q; want %q", m, got, want)
		}
	}
}
