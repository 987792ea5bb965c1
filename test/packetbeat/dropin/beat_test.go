//go:build linux

package dropin_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/qubesbeat/qubesbeat/internal/testbed"
	runner "github.com/qubesbeat/qubesbeat/internal/testbed/beat"
)

// outputFile is the end of most configurations. The output and the socket of the
// HTTP endpoint belong to one beat each; everything else is the same text.
const outputFile = `
output.file: {path: "${EVENTS}", filename: events, rotate_every_kb: 1000000}
queue.mem: {events: 4096, flush: {min_events: 8, timeout: 0.1s}}
`

// common is the end of all configurations.
const common = `
logging: {level: info, to_stderr: true, metrics.enabled: false}
http: {enabled: true, host: "unix://${SOCKET}", pprof.enabled: true}
`

// beat is a running beat.
type beat struct {
	*runner.Beat
	program program
	late    bool // replay has ended it
}

// command returns a program with a configuration in a folder of its own.
func command(t *testing.T, p program, config string, args ...string) runner.Command {
	t.Helper()
	home := runner.NewHome(t)
	file := runner.Write(t, home, "packetbeat.yml", config+common)
	return runner.Command{Program: p.path(t), Home: home, Args: runner.Flags(home, file, append([]string{"-e"}, args...)...),
		Env: []string{"EVENTS=" + filepath.Join(home, "out"), "SOCKET=" + filepath.Join(home, "s")}}
}

// start starts a beat on a machine.
func start(t *testing.T, on *testbed.Host, p program, config string) *beat {
	t.Helper()
	c := command(t, p, config)
	c.Start = on.Start
	b := &beat{Beat: c.Launch(t), program: p}
	b.Await(t, p.name+" answers on its HTTP endpoint", func() bool { _, err := b.Get("/stats"); return err == nil })
	return b
}

// replayMemory bounds the address space of a replay: an analyzer that asks for
// all memory must not get that of the machine. Go reserves some GiB that it never
// uses.
const replayMemory = 6 << 30

// replay lets a beat read a capture at full speed and returns when it has ended.
func replay(t *testing.T, p program, config, capture string, most time.Duration) *beat {
	t.Helper()
	b := &beat{Beat: command(t, p, config, "-t", "-I", capture).Launch(t), program: p}
	limit := unix.Rlimit{Cur: replayMemory, Max: replayMemory}
	if err := unix.Prlimit(b.PID(), unix.RLIMIT_AS, &limit, nil); err != nil {
		t.Errorf("bounding the memory of %s: %v", p.name, err)
	}
	select {
	case <-b.Ended():
	case <-time.After(most):
		b.late = true
		b.Signal(t, syscall.SIGQUIT) // says where it hangs
		<-b.Ended()
		if p.name == ours.name {
			t.Errorf("qubesbeat has not read its capture in %v, in %s", most, b.where())
		}
	}
	return b
}

// capturing waits until frames reach the flow table: what a client sends before
// that is not captured.
func (b *beat) capturing(t *testing.T, sendFrame func()) {
	t.Helper()
	b.Await(t, b.program.name+" captures", func() bool {
		sendFrame()
		return b.frames() > 0
	})
}

// frames returns how many frames a beat has taken so far, as it says itself.
func (b *beat) frames() uint64 {
	if n, ok := b.Counters()["qubesbeat.capture.frames"]; ok {
		return n
	}
	var n uint64
	for _, in := range b.inputs() {
		n += in.Number("packets")
	}
	return n
}

// inputs returns packetbeat's own numbers of each of its sockets.
func (b *beat) inputs() (all runner.Events) {
	body, err := b.Get("/inputs/")
	if err != nil {
		return nil
	}
	var list []map[string]any
	if json.Unmarshal(body, &list) != nil {
		return nil
	}
	for _, in := range list {
		all = append(all, runner.Flatten(in))
	}
	return all
}

// memory returns the resident memory of the process and its peak, in bytes.
func (b *beat) memory(t *testing.T) (now, peak uint64) {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", b.PID()))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var kib uint64
		if _, err := fmt.Sscanf(line, "VmRSS: %d kB", &kib); err == nil {
			now = kib << 10
		}
		if _, err := fmt.Sscanf(line, "VmHWM: %d kB", &kib); err == nil {
			peak = kib << 10
		}
	}
	return now, peak
}

// children returns the processes that the beat has begun.
func (b *beat) children(t *testing.T) (pids []string) {
	t.Helper()
	lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", b.PID()))
	if err != nil {
		t.Fatal(err)
	}
	for _, list := range lists {
		text, err := os.ReadFile(list)
		if err != nil {
			continue // the thread has ended
		}
		pids = append(pids, strings.Fields(string(text))...)
	}
	return pids
}

// anonymous returns the memory of a process that is its own: the program itself is
// shared with the process that has begun it. In bytes.
func anonymous(t *testing.T, pid string) uint64 {
	t.Helper()
	text, err := os.ReadFile("/proc/" + pid + "/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var kib uint64
		if _, err := fmt.Sscanf(line, "RssAnon: %d kB", &kib); err == nil {
			return kib << 10
		}
	}
	return 0
}

// where returns the analyzers' functions among the stacks that a program that
// has failed leaves behind.
func (b *beat) where() string {
	const prefix = "github.com/elastic/beats/v7/packetbeat/protos/"
	var found []string
	for line := range strings.Lines(b.Log()) {
		if name, ok := strings.CutPrefix(line, prefix); ok && len(found) < 6 {
			found = append(found, strings.TrimSpace(name))
		}
	}
	return strings.Join(found, "; ")
}
