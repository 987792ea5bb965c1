package kernellog

import (
	"testing"
	"time"
)

// TestReadZone knows the zones of numbers, and those names that the machine's own zone
// has: any other name is that of several zones.
func TestReadZone(t *testing.T) {
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skipf("no time zones: %v", err)
	}
	utc := time.Date(2026, 11, 27, 10, 0, 4, 0, time.UTC)
	for _, tt := range []struct {
		clock, zone string
		want        time.Time
	}{
		{"10:00:04", "UTC", utc}, {"10:00:04", "GMT", utc}, {"10:00:04", "+00", utc},
		{"13:30:04", "+0330", utc}, {"15:45:04", "+0545", utc}, {"13:00:04", "+03", utc}, {"06:30:04", "-0330", utc}, {"15:45:04", "+05:45", utc},
		{"11:00:04", "CET", utc}, {"11:00:04", "EST", time.Time{}}, {"11:00:04", "+3", time.Time{}},
		{"11:00:04", "GMT+3", time.Time{}}, {"10:00:04", "XYZ", time.Time{}},
	} {
		at, ok := readFull("Fri 2026-11-27 "+tt.clock, tt.zone, berlin)
		if !ok || !at.Equal(tt.want) {
			t.Errorf("readFull(%s %s) = %v, %v; want %v", tt.clock, tt.zone, at, ok, tt.want)
		}
	}
	if at, ok := readFull("Fri 2026-11-27 10:00", "UTC", berlin); ok {
		t.Errorf("readFull without seconds = %v", at)
	}
}
