//go:build linux

package redirect_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/testbed"
)

// beat is a beat with a resolver in sys-log.
type beat struct {
	cmd    *exec.Cmd
	home   string
	socket string
	stderr bytes.Buffer
	done   chan error
}

// program is the beat under test: QUBESBEAT_BIN, or one that is built now.
func program(t *testing.T) string {
	t.Helper()
	if p := os.Getenv("QUBESBEAT_BIN"); p != "" {
		return p
	}
	path := filepath.Join(t.TempDir(), "qubesbeat")
	cmd := exec.Command("go", "build", "-o", path, "./cmd/qubesbeat")
	cmd.Dir = "../.."
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building the beat: %v: %s", err, out)
	}
	return path
}

// start starts the beat with a resolver section and returns when it serves.
func start(t *testing.T, nw *testbed.Network, section string) *beat {
	t.Helper()
	home, err := os.MkdirTemp("", "qb-") // short: the path of a socket is
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(home) })
	b := &beat{home: home, socket: filepath.Join(home, "dns.sock"), done: make(chan error, 1)}
	b.run(t, nw, section)
	return b
}

// run starts the program in the home that is there.
func (b *beat) run(t *testing.T, nw *testbed.Network, section string) {
	t.Helper()
	inventory := filepath.Join(b.home, "inventory")
	nw.WriteInventory(inventory)
	conf := filepath.Join(b.home, "qubesbeat.yml")
	text := fmt.Sprintf("qubesbeat:\n  interfaces.device: [\"vif*\"]\n  flows.period: -1s\n  protocols: [{type: dns, ports: [53]}]\n  inventory.file: %q\n  resolver:\n    socket: %q\n%s\noutput.file: {path: %q, filename: events}\n",
		inventory, b.socket, section, filepath.Join(b.home, "out"))
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	b.cmd = exec.Command(program(t), "-e", "-c", conf, "--path.home", b.home, "--strict.perms=false")
	b.cmd.Dir, b.cmd.Stderr = b.home, &b.stderr
	if err := nw.Log.Start(b.cmd); err != nil {
		t.Fatal(err)
	}
	cmd := b.cmd
	go func() { b.done <- cmd.Wait() }()
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if _, err := os.Stat(b.socket); err == nil {
			time.Sleep(200 * time.Millisecond) // the sockets of the clients come right after
			return
		}
		if time.Now().After(deadline) {
			_ = b.cmd.Process.Kill()
			<-b.done
			t.Fatalf("the beat does not serve\n%s", b.stderr.String())
		}
	}
}

// event is an event with dotted names.
type event map[string]any

// stop ends the beat and returns the events of DNS that it has written.
func (b *beat) stop(t *testing.T) (events []event, last event) {
	t.Helper()
	_ = b.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-b.done:
		if err != nil {
			t.Errorf("the beat ended with %v\n%s", err, b.stderr.String())
		}
	case <-time.After(30 * time.Second):
		t.Fatal("the beat does not end")
	}
	return b.events(t)
}

func (b *beat) events(t *testing.T) (events []event, last event) {
	t.Helper()
	for _, e := range b.all(t) {
		switch e["event.dataset"] {
		case "qubesbeat.dns":
			events = append(events, e)
		case "qubesbeat.stats":
			last = e
		}
	}
	return events, last
}

// all returns all events that have been written.
func (b *beat) all(t *testing.T) (events []event) {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join(b.home, "out", "*"))
	for _, path := range files {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		sc := bufio.NewScanner(f)
		sc.Buffer(nil, 1<<20)
		for sc.Scan() {
			var m map[string]any
			if err := json.Unmarshal(sc.Bytes(), &m); err != nil {
				continue // the last line of a killed beat
			}
			e := event{}
			e.flatten("", m)
			events = append(events, e)
		}
		_ = f.Close()
	}
	return events
}

func (e event) flatten(prefix string, m map[string]any) {
	for k, v := range m {
		if inner, ok := v.(map[string]any); ok {
			e.flatten(prefix+k+".", inner)
		} else {
			e[prefix+k] = v
		}
	}
}

// find returns the events of a qube about a name.
func find(events []event, qube, name string) (found []event) {
	for _, e := range events {
		if e["qube.name"] == qube && e["dns.question.name"] == strings.TrimSuffix(name, ".") {
			found = append(found, e)
		}
	}
	return found
}
