//go:build linux

package dropin_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/qubesbeat/qubesbeat/internal/testbed"
	runner "github.com/qubesbeat/qubesbeat/internal/testbed/beat"
)

// beatTimeout bounds the start and the stop of a beat.
const beatTimeout = 30 * time.Second

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
	program program
	cmd     *exec.Cmd
	dir     string // path.home
	events  string // the folder of its events
	socket  string // of its HTTP endpoint
	log     buffer // standard error
	ended   chan struct{}
	err     error // of the process, valid when ended is closed
	late    bool  // replay has ended it
}

// newBeat prepares a program with a configuration.
func newBeat(t *testing.T, p program, config string, args ...string) *beat {
	t.Helper()
	home := t.TempDir()
	b := &beat{program: p, dir: home, events: filepath.Join(home, "out"), socket: filepath.Join(home, "s"),
		ended: make(chan struct{})}
	file := filepath.Join(home, "packetbeat.yml")
	if err := os.WriteFile(file, []byte(config+common), 0o600); err != nil {
		t.Fatal(err)
	}
	b.cmd = exec.Command(p.path(t), append([]string{"-e", "-c", file, "--path.home", home, "--strict.perms=false"}, args...)...)
	b.cmd.Env = append(os.Environ(), "EVENTS="+b.events, "SOCKET="+b.socket)
	b.cmd.Dir = home
	b.cmd.WaitDelay = time.Second
	b.cmd.Stderr = &b.log
	return b
}

// start starts a beat on a machine.
func start(t *testing.T, on *testbed.Host, p program, config string) *beat {
	t.Helper()
	b := newBeat(t, p, config)
	if err := on.Start(b.cmd); err != nil {
		t.Fatal(err)
	}
	b.follow(t)
	b.await(t, func() bool { _, err := b.get("/stats"); return err == nil }, "answers on its HTTP endpoint")
	return b
}

// replayMemory bounds the address space of a replay: an analyzer that asks for
// all memory must not get that of the machine. Go reserves some GiB that it never
// uses.
const replayMemory = 6 << 30

// replay lets a beat read a capture at full speed and returns when it has ended.
func replay(t *testing.T, p program, config, capture string, most time.Duration) *beat {
	t.Helper()
	b := newBeat(t, p, config, "-t", "-I", capture)
	if err := b.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	limit := unix.Rlimit{Cur: replayMemory, Max: replayMemory}
	if err := unix.Prlimit(b.cmd.Process.Pid, unix.RLIMIT_AS, &limit, nil); err != nil {
		t.Errorf("bounding the memory of %s: %v", p.name, err)
	}
	b.follow(t)
	select {
	case <-b.ended:
	case <-time.After(most):
		b.late = true
		b.tell(t, syscall.SIGQUIT) // says where it hangs
		<-b.ended
		if p.name == ours.name {
			t.Errorf("qubesbeat has not read its capture in %v, in %s", most, b.where())
		}
	}
	return b
}

// follow waits for the end of the process, and takes care that it comes.
func (b *beat) follow(t *testing.T) {
	go func() {
		b.err = b.cmd.Wait()
		close(b.ended)
	}()
	t.Cleanup(func() {
		_ = b.cmd.Process.Kill()
		<-b.ended
		if t.Failed() {
			t.Logf("end of %s's log:\n%s", b.program.name, b.log.tail(3000))
		}
	})
}

// hasEnded reports whether the process is gone.
func (b *beat) hasEnded() bool {
	select {
	case <-b.ended:
		return true
	default:
		return false
	}
}

// await waits until a condition holds of a living beat.
func (b *beat) await(t *testing.T, holds func() bool, what string) {
	t.Helper()
	for deadline := time.Now().Add(beatTimeout); !holds(); time.Sleep(20 * time.Millisecond) {
		if b.hasEnded() {
			t.Fatalf("%s ended before it %s: %v\n%s", b.program.name, what, b.err, b.log.tail(3000))
		}
		if time.Now().After(deadline) {
			t.Fatalf("not in %v: %s %s", beatTimeout, b.program.name, what)
		}
	}
}

// capturing waits until frames reach the flow table: what a client sends before
// that is not captured.
func (b *beat) capturing(t *testing.T, sendFrame func()) {
	t.Helper()
	b.await(t, func() bool {
		sendFrame()
		return b.frames() > 0
	}, "captures")
}

// frames returns how many frames a beat has taken so far, as it says itself.
func (b *beat) frames() uint64 {
	if n, ok := b.counters()["qubesbeat.capture.frames"]; ok {
		return n
	}
	var n uint64
	for _, in := range b.inputs() {
		n += in.num("packets")
	}
	return n
}

// counters returns the numbers under /stats by dotted name.
func (b *beat) counters() map[string]uint64 {
	flat := map[string]uint64{}
	body, err := b.get("/stats")
	if err != nil {
		return flat
	}
	e, err := parseEvent(body)
	if err != nil {
		return flat
	}
	for name := range e {
		flat[name] = e.num(name)
	}
	return flat
}

// inputs returns packetbeat's own numbers of each of its sockets.
func (b *beat) inputs() (all []event) {
	body, err := b.get("/inputs/")
	if err != nil {
		return nil
	}
	var list []map[string]any
	if json.Unmarshal(body, &list) != nil {
		return nil
	}
	for _, in := range list {
		e := event{}
		flatten(e, "", in)
		all = append(all, e)
	}
	return all
}

// get reads a page of the beat's HTTP endpoint.
func (b *beat) get(page string) ([]byte, error) {
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", b.socket)
		}}}
	resp, err := client.Get("http://beat" + page)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", page, resp.Status)
	}
	return io.ReadAll(resp.Body)
}

// memory returns the resident memory of the process and its peak, in bytes.
func (b *beat) memory(t *testing.T) (now, peak uint64) {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", b.cmd.Process.Pid))
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
	lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", b.cmd.Process.Pid))
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

// peak returns the most memory that an ended process had, in bytes.
func (b *beat) peak() uint64 {
	return uint64(b.cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss) << 10
}

// tell sends a signal to the process, which may have ended.
func (b *beat) tell(t *testing.T, sig os.Signal) {
	t.Helper()
	if err := b.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Error(err)
	}
}

// stop ends the beat with SIGTERM and returns its events.
func (b *beat) stop(t *testing.T) []event {
	t.Helper()
	b.tell(t, syscall.SIGTERM)
	select {
	case <-b.ended:
	case <-time.After(beatTimeout):
		t.Fatalf("%s did not end %v after SIGTERM", b.program.name, beatTimeout)
	}
	if b.err != nil {
		t.Errorf("%s ended with %v\n%s", b.program.name, b.err, b.log.tail(3000))
	}
	return readEvents(t, b.events)
}

// buffer is what a program has printed.
type buffer struct{ runner.Buffer }

// where returns the analyzers' functions among the stacks that a program that
// has failed leaves behind.
func (b *beat) where() string {
	const prefix = "github.com/elastic/beats/v7/packetbeat/protos/"
	var found []string
	for line := range strings.Lines(b.log.String()) {
		if name, ok := strings.CutPrefix(line, prefix); ok && len(found) < 6 {
			found = append(found, strings.TrimSpace(name))
		}
	}
	return strings.Join(found, "; ")
}

// tail returns the last n bytes.
func (b *buffer) tail(n int) string {
	text := b.String()
	return text[max(0, len(text)-n):]
}
