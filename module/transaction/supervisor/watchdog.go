package supervisor

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"
)

// How long the process may take for one packet: so much time of the CPU is enough for
// the largest message. On a busy machine it may get little of it, and waits longer.
const (
	hangAfter  = 3 * time.Second  // of CPU time
	stuckAfter = 30 * time.Second // whatever it does
)

// killIfHung kills the process if it takes too long for one packet. Time in which the
// output takes no events does not count.
func (p *process) killIfHung() {
	ticker := time.NewTicker(hangAfter / 10)
	defer ticker.Stop()
	stat := fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid)
	w := watch{since: time.Now()}
	for {
		select {
		case <-p.readEnd:
			return
		case <-p.released:
			return
		case <-ticker.C:
		}
		done := p.progress.Done()
		if w.isHung(done, done >= p.written.Load() || p.handling.Load(), cpuTime(stat), time.Now()) {
			p.hung.Store(true)
			_ = p.cmd.Process.Kill()
			return
		}
	}
}

// watch is the last progress of the process.
type watch struct {
	done  uint64        // packets that were finished
	cpu   time.Duration // of the process by then
	since time.Time
}

// isHung takes a look at the process: the packets that it has finished, whether it has
// none to work on, and its CPU time.
func (w *watch) isHung(done uint64, idle bool, cpu time.Duration, now time.Time) bool {
	if done != w.done || idle {
		*w = watch{done, cpu, now}
		return false
	}
	return cpu-w.cpu > hangAfter || now.Sub(w.since) > stuckAfter
}

// tick is the unit of /proc/PID/stat, 1/USER_HZ.
const tick = 10 * time.Millisecond

// cpuTime returns the CPU time of a process, by proc_pid_stat(5), 0 if it is not known.
func cpuTime(path string) time.Duration {
	text, _ := os.ReadFile(path)
	_, text, _ = bytes.Cut(text, []byte(") ")) // the name of the program may have spaces
	field := bytes.Fields(text)
	if len(field) < 13 {
		return 0
	}
	user, _ := strconv.ParseUint(string(field[11]), 10, 64)
	system, _ := strconv.ParseUint(string(field[12]), 10, 64)
	return time.Duration(user+system) * tick
}
