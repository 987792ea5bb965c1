package capture_test

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/capture"
	"github.com/qubesbeat/qubesbeat/internal/testbed"
)

// switches returns how often threads of this process have waited so far.
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
			if key != "voluntary_ctxt_switches" {
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

// idler is an idle ring with a goroutine in its Next.
type idler struct {
	*capture.Ring
	stopping chan struct{}
	stopped  chan error // what Next returned after stopping was closed
}

func newIdler(t *testing.T) *idler {
	t.Helper()
	r, err := capture.OpenRing(capture.RingConfig{Matcher: newMatcher(t, "vif*")})
	if err != nil {
		t.Fatal(err)
	}
	r.SetIdle(10 * time.Second)
	i := &idler{Ring: r, stopping: make(chan struct{}), stopped: make(chan error, 1)}
	go func() {
		for {
			err := r.Next(new(capture.Frame))
			select {
			case <-i.stopping:
				i.stopped <- err
				return
			default:
			}
		}
	}()
	return i
}

// stop stops the ring as a meter does and returns how long that took.
func (i *idler) stop(t *testing.T) (woken, drained, closed time.Duration) {
	t.Helper()
	begin := time.Now()
	close(i.stopping)
	i.Wake()
	if err := <-i.stopped; !errors.Is(err, capture.ErrIdle) {
		t.Errorf("Next after Wake: %v; want %v", err, capture.ErrIdle)
	}
	woken = time.Since(begin)
	if err := i.Drain(); err != nil {
		t.Error(err)
	}
	if err := i.Next(new(capture.Frame)); !errors.Is(err, capture.ErrIdle) {
		t.Errorf("Next after Drain: %v; want %v", err, capture.ErrIdle)
	}
	drained = time.Since(begin)
	if err := i.Close(); err != nil {
		t.Error(err)
	}
	return woken, drained, time.Since(begin)
}

// TestRing_quiet measures how often an idle ring wakes the process. On a busy machine the
// scheduler of Go wakes it, too, so that the best of some spans counts.
func TestRing_quiet(t *testing.T) {
	if !testbed.InNamespace(t) {
		return
	}
	newWire(t, "vif4.0")
	i := newIdler(t)
	const span, most = 4 * time.Second, 10 // a ring that polls: 40
	<-time.After(time.Second)              // the interfaces have come up and the watch has looked
	best := math.Inf(1)
	for range 3 {
		before := switches(t)
		<-time.After(span)
		best = min(best, float64(switches(t)-before)/span.Seconds())
		t.Logf("%.1f context switches per second, or more", best)
		if best <= most {
			break
		}
	}
	if best > most {
		t.Errorf("%.1f context switches per second; want %d at most", best, most)
	}
	i.stop(t)
}

// TestRing_stop measures how long a stop takes. Most of it is the kernel's part:
// it waits for its receivers before it gives the ring back, longer on a busy
// machine, so that the best of several stops counts.
func TestRing_stop(t *testing.T) {
	if !testbed.InNamespace(t) {
		return
	}
	newWire(t, "vif4.0")
	best := time.Hour
	for range 8 {
		woken, drained, closed := newIdler(t).stop(t)
		t.Logf("woken after %v, drained after %v, closed after %v", woken, drained, closed)
		best = min(best, closed)
	}
	if best > 100*time.Millisecond {
		t.Errorf("a stop took %v at least; want 100ms at most", best)
	}
}
