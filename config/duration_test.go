package config_test

import (
	"strings"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/config"
)

func TestDuration_Unpack(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		in   any
		want time.Duration
		err  string
	}{
		{"seconds", "30s", 30 * time.Second, ""},
		{"mixed", "1h30m", 90 * time.Minute, ""},
		{"fraction", "1.5s", 1500 * time.Millisecond, ""},
		{"off as packetbeat's manual has it", int64(-1), -time.Second, ""},
		{"off as text", "-1", -time.Second, ""},
		{"off with unit", "-1s", -time.Second, ""},
		{"zero", uint64(0), 0, ""},
		{"zero as text", "0", 0, ""},
		{"zero with unit", "0s", 0, ""},
		{"number", uint64(30), 0, `30 has no unit; write "30s" for seconds`},
		{"number as text", "30", 0, `30 has no unit; write "30s" for seconds`},
		{"fraction without unit", 1.5, 0, `"1.5" is not a duration such as 30s or 5m`},
		{"word", "soon", 0, `"soon" is not a duration such as 30s or 5m`},
		{"empty", "", 0, `"" is not a duration`},
		{"truth value", true, 0, `"true" is not a duration`},
		{"days", "7d", 7 * 24 * time.Hour, ""},
		{"days and hours", "1d2h", 0, `"1d2h" is not a duration`},
		{"negative days", "-2d", 0, `"-2d" is not a duration`},
		{"unit that does not exist", "2w", 0, `"2w" is not a duration`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := config.Duration(time.Hour)
			err := d.Unpack(tt.in)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("Unpack(%v) = %v; want %q", tt.in, err, tt.err)
				}
				return
			}
			if err != nil || d.D() != tt.want {
				t.Errorf("Unpack(%v) = %v, %v; want %v", tt.in, d.D(), err, tt.want)
			}
		})
	}
}

// TestDuration_Unpack_ucfg reads a file's tree as the beat does.
func TestDuration_Unpack_ucfg(t *testing.T) {
	t.Parallel()
	c, err := unpack(map[string]any{"flows": map[string]any{"timeout": "2m", "period": -1, "active_timeout": 0}})
	if err != nil {
		t.Fatal(err)
	}
	if f := c.Flows; f.Timeout.D() != 2*time.Minute || f.Period.D() != -time.Second || f.ActiveTimeout != 0 {
		t.Errorf("Flows = %+v; want 2m, -1s, 0", f)
	}
	if _, err := unpack(map[string]any{"flows": map[string]any{"timeout": 30}}); err == nil || !strings.Contains(err.Error(), `write "30s"`) {
		t.Errorf("Unpack = %v; want the hint", err)
	}
}
