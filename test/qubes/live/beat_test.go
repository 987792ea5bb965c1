//go:build linux

package live_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/testbed"
)

// beatTimeout bounds the start and the stop of the beat.
const beatTimeout = 30 * time.Second

// binary is the beat under test, set by TestMain.
var binary struct {
	path string
	err  error
}

func TestMain(m *testing.M) {
	os.Exit(testMain(m))
}

// testMain builds the beat once, outside of all namespaces.
func testMain(m *testing.M) int {
	if os.Getenv("QUBESBEAT_NET") != "1" {
		return m.Run() // everything skips
	}
	binary.path = os.Getenv("QUBESBEAT_BIN")
	if binary.path != "" {
		_, binary.err = os.Stat(binary.path)
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "qubesbeat-live-")
	if err != nil {
		binary.err = err
		return m.Run()
	}
	defer func() { _ = os.RemoveAll(dir) }()
	binary.path = filepath.Join(dir, "qubesbeat")
	cmd := exec.Command("go", "build", "-o", binary.path, "./cmd/qubesbeat")
	cmd.Dir = filepath.Join("..", "..", "..")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		binary.err = fmt.Errorf("building the beat: %w: %s", err, out)
	}
	return m.Run()
}

// beat is a running beat in sys-log.
type beat struct {
	nw   *testbed.Network
	cmd  *exec.Cmd
	dir  string // of the events
	inv  string // the inventory file
	done chan error

	mu    sync.Mutex
	lines [][]byte // of stderr
}

// startBeat starts the beat with the inventory of nw and returns when it
// captures on the vifs of clients.
func startBeat(t *testing.T, nw *testbed.Network, clients ...*testbed.Qube) *beat {
	t.Helper()
	return startBeatWith(t, nw, nil, clients...)
}

// startBeatWith is startBeat with further arguments for the beat.
func startBeatWith(t *testing.T, nw *testbed.Network, args []string, clients ...*testbed.Qube) *beat {
	t.Helper()
	if binary.err != nil {
		t.Fatalf("%v\nrun: QUBESBEAT_NET=1 QUBESBEAT_BIN=/path/of/qubesbeat go test ./test/qubes/live", binary.err)
	}
	home := t.TempDir()
	b := &beat{
		nw: nw, done: make(chan error, 1),
		dir: filepath.Join(home, "out"), inv: filepath.Join(home, "inventory"),
	}
	nw.WriteInventory(b.inv)
	conf := filepath.Join(home, "qubesbeat.yml")
	text := fmt.Sprintf(`
qubesbeat:
  interfaces:
    device: ["vif*"]
  flows:
    timeout: 30s
    period: -1s
  inventory:
    file: %q
output.file:
  path: %q
  filename: events
logging.level: info
`, b.inv, b.dir)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}

	b.cmd = exec.Command(binary.path, append([]string{"-e", "-c", conf, "--path.home", home, "--strict.perms=false"}, args...)...)
	b.cmd.Dir = home
	b.cmd.WaitDelay = time.Second
	stderr, err := b.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err = nw.Log.Start(b.cmd); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.cleanup(t) })
	go func() {
		b.follow(stderr)
		b.done <- b.cmd.Wait()
		close(b.done)
	}()

	b.wait(t, "capturing", "", "")
	for _, q := range clients {
		b.wait(t, "following interface", "interface", q.Vif)
	}
	return b
}

// follow collects the lines of the beat's log.
func (b *beat) follow(r io.Reader) {
	sc := bufio.NewScanner(r)
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		b.mu.Lock()
		b.lines = append(b.lines, bytes.Clone(sc.Bytes()))
		b.mu.Unlock()
	}
}

// wait waits for a log line with a message and, unless key is empty, a field.
func (b *beat) wait(t *testing.T, message, key, value string) {
	t.Helper()
	deadline := time.Now().Add(beatTimeout)
	for seen := 0; ; {
		b.mu.Lock()
		news := slices.Clone(b.lines[seen:])
		b.mu.Unlock()
		seen += len(news)
		if slices.ContainsFunc(news, func(line []byte) bool { return logs(line, message, key, value) }) {
			return
		}
		select {
		case err := <-b.done:
			t.Fatalf("the beat ended before it logged %q %s: %v\n%s", message, value, err, b.log())
		case <-time.After(10 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatalf("the beat did not log %q %s in %v\n%s", message, value, beatTimeout, b.log())
		}
	}
}

// logs reports whether a line of the log has a message and a field.
func logs(line []byte, message, key, value string) bool {
	var fields map[string]any
	if json.Unmarshal(line, &fields) != nil {
		return false
	}
	flat := event{}
	flatten(flat, "", fields)
	if !strings.Contains(flat.str("message"), message) {
		return false
	}
	if key == "" {
		return true
	}
	for name, got := range flat { // a logger may put its fields in a group
		if (name == key || strings.HasSuffix(name, "."+key)) && got == value {
			return true
		}
	}
	return false
}

// log returns the beat's log.
func (b *beat) log() []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	return bytes.Join(b.lines, []byte("\n"))
}

// stop asks the beat to end with SIGTERM and returns the events in its file.
func (b *beat) stop(t *testing.T) []event {
	t.Helper()
	b.end(t)
	return readEvents(t, b.dir)
}

// end asks the beat to end with SIGTERM and waits for it.
func (b *beat) end(t *testing.T) {
	t.Helper()
	if err := b.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-b.done:
		if err != nil {
			t.Errorf("the beat ended with %v\n%s", err, b.log())
		}
	case <-time.After(beatTimeout):
		t.Fatalf("the beat did not end %v after SIGTERM\n%s", beatTimeout, b.log())
	}
}

// cleanup ends a beat that the test has not stopped and shows the log of a
// failed test.
func (b *beat) cleanup(t *testing.T) {
	_ = b.cmd.Process.Kill()
	for range b.done { // closed at the end of the process
	}
	if t.Failed() {
		log := b.log()
		const tail = 4000
		t.Logf("end of the beat's log:\n%s", log[max(0, len(log)-tail):])
	}
}
