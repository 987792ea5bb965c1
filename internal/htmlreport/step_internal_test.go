package htmlreport

import (
	"testing"
	"time"
)

func TestStepText(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		time.Second: "1s", 10 * time.Second: "10s", 30 * time.Second: "30s", 90 * time.Second: "1m30s", time.Minute: "1m", 20 * time.Minute: "20m",
		time.Hour: "1h", 10 * time.Hour: "10h", 90 * time.Minute: "1h30m", 24 * time.Hour: "1d", 240 * time.Hour: "10d",
	} {
		if got := stepText(d); got != want {
			t.Errorf("stepText(%v) = %q; want %q", d, got, want)
		}
	}
}
