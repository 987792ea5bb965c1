package htmlreport

import (
	"strings"
	"time"
)

// ticks makes a factor of a number.
func ticks(n int) time.Duration { return time.Duration(n) }

// stepText returns a duration such as 10s, 5m, 12h, 3d.
func stepText(d time.Duration) string {
	if d%(24*time.Hour) == 0 {
		return strings.TrimSuffix((d/24).String(), "h0m0s") + "d"
	}
	text := d.String()
	if d%time.Minute == 0 {
		text = strings.TrimSuffix(text, "0s")
	}
	if d%time.Hour == 0 {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
