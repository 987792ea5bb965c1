package capture_test

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/capture"
)

// switches returns the context switches of all threads of this process so far.
func switches(t *testing.T) (n int) {
	t.Helper()
	files, err := filepath.Glob("/proc/self/task/*/status")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			continue // the thread has just ended
		}
		for line := range strings.Lines(string(data)) {
			key, value, _ := strings.Cut(line, ":")
			if !strings.HasSuffix(key, "voluntary_ctxt_switches") {
				continue
			}
			v, err := strconv.Atoi(strings.TrimSpace(value))
			if err != nil {
				t.Fatal(err)
			}
			n += v
		}
	}
	return n
}

// TestRing_quiet measures an idle ring: how often the process wakes, and how
// long a stop takes.
func TestRing_quiet(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	newWire(t, "vif4.0")
	r, err := capture.OpenRing(capture.RingConfig{Matcher: newMatcher(t, "vif*")})
	if err != nil {
		t.Fatal(err)
	}
	r.SetIdle(10 * time.Second)
	stop, stopped := make(chan struct{}), make(chan error, 1)
	go func() {
		for {
			var f capture.Frame
			err := r.Next(&f)
			select {
			case <-stop:
				stopped <- err
				return
			default:
			}
		}
	}()
	const span = 5 * time.Second
	<-time.After(time.Second) // the interfaces have come up and the watch has looked
	before := switches(t)
	<-time.After(span)
	perSecond := float64(switches(t)-before) / span.Seconds()
	begin := time.Now()
	close(stop)
	r.Wake()
	if err := <-stopped; !errors.Is(err, capture.ErrIdle) {
		t.Errorf("Next after Wake: %v; want %v", err, capture.ErrIdle)
	}
	woken := time.Since(begin)
	if err := r.Drain(); err != nil {
		t.Error(err)
	}
	if err := r.Next(new(capture.Frame)); !errors.Is(err, capture.ErrIdle) {
		t.Errorf("Next after Drain: %v; want %v", err, capture.ErrIdle)
	}
	drained := time.Since(begin)
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	t.Logf("%.1f context switches per second; woken after %v, drained after %v, closed after %v",
		perSecond, woken.Round(time.Microsecond), drained.Round(time.Microsecond), time.Since(begin).Round(time.Microsecond))
	if perSecond > 5 {
		t.Errorf("%.1f context switches per second; want 5 at most", perSecond)
	}
	if d := time.Since(begin); d > 100*time.Millisecond {
		t.Errorf("a stop took %v; want 100ms at most", d)
	}
}
