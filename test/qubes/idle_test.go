//go:build linux

package qubes_test

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/testbed"
	"github.com/qubesbeat/qubesbeat/internal/testbed/beat"
)

// Limits of an idle beat, and how long it is watched.
const (
	idleTime        = 60 * time.Second
	maxSwitches     = 10.0  // context switches per second, of all threads
	maxIdleCPU      = 0.001 // of one core
	maxIdleStore    = 0.002 // of one core, with a store of packets
	moreSwitches    = 5.0   // context switches per second that a store may add: it looks at its disk once a second
	maxIdleStop     = 100 * time.Millisecond
	maxStops        = 10
	clockTicks      = 100 // per second: USER_HZ, in /proc/PID/stat
	idleSettingTime = 5 * time.Second
)

const idleConfig = `
  interfaces.device: ["vif*"]
  inventory.file: HOME/inventory
  resolver:
    socket: HOME/dns.sock
    listen: ["0.0.0.0:5353"]
    upstreams: {default: ["udp://198.51.100.53"]}
    qvm_firewall: {obey: never}
  firewall.enabled: true
`

// TestIdle holds that a beat with one vif, resolver and firewall, and nothing to do,
// leaves the machine asleep, and that it stops at once.
func TestIdle(t *testing.T) { testIdle(t, idleConfig, maxSwitches, maxIdleCPU) }

// TestIdle_packets holds the same with a store of packets.
func TestIdle_packets(t *testing.T) {
	testIdle(t, idleConfig+"  packets: {enabled: true, min_free: 1MiB}\n", maxSwitches+moreSwitches, maxIdleStore)
}

func testIdle(t *testing.T, config string, maxRate, maxCPU float64) {
	testbed.Require(t)
	nw := testbed.New(t, testbed.Config{})
	nw.AddClient(testbed.Client{Name: "work", Label: "blue", DomID: 4, IP: netip.MustParseAddr("10.137.0.6")})
	nw.Settle()
	home := beat.NewHome(t)
	if err := os.WriteFile(filepath.Join(home, "inventory"), []byte("work|10.137.0.6\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	b := beat.Start(t, nw, home, config)
	time.Sleep(idleSettingTime) // what was captured while the network was set up ends, too
	before := readUsage(t, b.PID())
	time.Sleep(idleTime)
	after := readUsage(t, b.PID())
	switches, cpu := after.switches-before.switches, after.cpu-before.cpu
	rate, share := float64(switches)/idleTime.Seconds(), cpu.Seconds()/idleTime.Seconds()
	t.Logf("idle for %v: %.1f context switches per second, %.3f %% of a core", idleTime, rate, share*100)
	if rate > maxRate || share > maxCPU {
		t.Errorf("want at most %v context switches per second and %v %% of a core; by thread:\n%s", maxRate, maxCPU*100,
			difference(before, after))
	}
	fastest := timeStop(t, b)
	for tries := 1; tries < maxStops && fastest > maxIdleStop; tries++ { // others have work on the machine, too
		fastest = min(fastest, timeStop(t, beat.Start(t, nw, home, config)))
	}
	t.Logf("stopped in %v", fastest)
	if fastest > maxIdleStop {
		t.Errorf("the fastest of %d stops took %v; want at most %v", maxStops, fastest, maxIdleStop)
	}
}

// timeStop stops a beat and returns how long that took.
func timeStop(t *testing.T, b *beat.Beat) time.Duration {
	t.Helper()
	began := time.Now()
	b.Stop(t)
	return time.Since(began)
}

// usage is what a process has used so far.
type usage struct {
	switches int64
	threads  map[string]int64 // context switches, by "TID name"
	cpu      time.Duration
}

// readUsage reads the counters of a process from /proc.
func readUsage(t *testing.T, pid int) usage {
	t.Helper()
	u := usage{threads: map[string]int64{}}
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
	if err != nil || len(tasks) == 0 {
		t.Fatalf("no threads of process %d: %v", pid, err)
	}
	for _, dir := range tasks {
		status, err := os.ReadFile(filepath.Join(dir, "status"))
		if err != nil {
			continue // the thread has ended
		}
		n := int64(0)
		for line := range strings.Lines(string(status)) {
			if f := strings.Fields(line); strings.HasSuffix(f[0], "ctxt_switches:") {
				v, _ := strconv.ParseInt(f[1], 10, 64)
				n += v
			}
		}
		u.threads[filepath.Base(dir)] = n
		u.switches += n
	}
	u.cpu = cpuTime(t, pid)
	return u
}

// cpuTime returns the user and system time of a process (proc(5), stat).
func cpuTime(t *testing.T, pid int) time.Duration {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	ticks := 0
	for _, f := range fields[11:13] {
		n, err := strconv.Atoi(f)
		if err != nil {
			t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * time.Second / clockTicks
}

// difference lists the threads that have run, so that the cause can be found.
func difference(before, after usage) string {
	var b strings.Builder
	for name, n := range after.threads {
		if d := n - before.threads[name]; d > 0 {
			fmt.Fprintf(&b, "%8s %6d\n", name, d)
		}
	}
	return b.String()
}
