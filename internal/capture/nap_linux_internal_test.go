package capture

import (
	"testing"
	"time"
)

// TestNapOf has no ring full before a nap is over at the highest rate.
func TestNapOf(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		size  int
		whole bool
		want  time.Duration
	}{
		{2 << 20, false, 3906250}, {24 << 20, false, 46875 * time.Microsecond}, {512 << 20, false, napLong}, {24 << 20, true, 11718750}, {64 << 20, true, 31250 * time.Microsecond},
	} {
		if got := napOf(tt.size, tt.whole); got != tt.want {
			t.Errorf("napOf(%d MiB, %v) = %v; want %v", tt.size>>20, tt.whole, got, tt.want)
		}
	}
}
