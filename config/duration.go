package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Duration is a time.Duration in the configuration. It carries a unit, as in
// "30s"; the plain number -1 is accepted, too, because packetbeat's manual
// shows it, and so is 0.
type Duration time.Duration

// D returns d as a time.Duration.
func (d Duration) D() time.Duration { return time.Duration(d) }

// Unpack reads what go-ucfg found in the file.
func (d *Duration) Unpack(v any) error {
	text := fmt.Sprint(v)
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		if n > 0 {
			return fmt.Errorf("%d has no unit; write \"%ds\" for seconds", n, n)
		}
		*d = Duration(time.Duration(n) * time.Second)
		return nil
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil {
			*d = Duration(time.Duration(n) * 24 * time.Hour)
			return nil
		}
	}
	parsed, err := time.ParseDuration(text)
	if err != nil {
		return fmt.Errorf("%q is not a duration such as 30s or 5m", text)
	}
	*d = Duration(parsed)
	return nil
}
