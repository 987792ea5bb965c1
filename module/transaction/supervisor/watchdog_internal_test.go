package supervisor

import (
	"testing"
	"time"
)

// TestWatch gives the process the time of the CPU that one packet needs, and more time
// where others use the CPU.
func TestWatch(t *testing.T) {
	t.Parallel()
	start := time.Unix(1000, 0)
	for _, tt := range []struct {
		name   string
		done   uint64 // 7 at first
		idle   bool
		cpu, t time.Duration
		want   bool
	}{
		{"it works on the packet", 7, false, 2 * time.Second, 4 * time.Second, false},
		{"it works for too long", 7, false, 4 * time.Second, 4 * time.Second, true},
		{"it gets no CPU", 7, false, 100 * time.Millisecond, 29 * time.Second, false},
		{"it waits for ever", 7, false, 0, 31 * time.Second, true},
		{"the packet is finished", 8, false, 4 * time.Second, 31 * time.Second, false},
		{"there is none, or the output waits", 7, true, 4 * time.Second, 31 * time.Second, false},
	} {
		w := watch{done: 7, cpu: time.Second, since: start}
		if got := w.isHung(tt.done, tt.idle, time.Second+tt.cpu, start.Add(tt.t)); got != tt.want {
			t.Errorf("%s: isHung = %v; want %v", tt.name, got, tt.want)
		}
	}
}

// TestCPUTime reads that of this process.
func TestCPUTime(t *testing.T) {
	t.Parallel()
	for before := cpuTime("/proc/self/stat"); cpuTime("/proc/self/stat") <= before; {
	}
	if got := cpuTime("/proc/self/nothing"); got != 0 {
		t.Errorf("of a process that is not there: %v", got)
	}
}
