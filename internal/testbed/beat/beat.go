//go:build linux

package beat

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/testbed"
)

// Beat is a beat that has been started.
type Beat struct {
	// Home is its folder, with a short path, since sockets are in it.
	Home string

	config string // its file
	cmd    *exec.Cmd
	stderr Buffer
	done   chan error
}

var build = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "qb-bin-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "qubesbeat")
	cmd := exec.Command("go", "build", "-o", path, "github.com/qubesbeat/qubesbeat/cmd/qubesbeat")
	cmd.Stderr = os.Stderr
	return path, cmd.Run()
})

// Program returns the path of the beat under test: QUBESBEAT_BIN, or one that it builds.
func Program(t testing.TB) string {
	t.Helper()
	if p := os.Getenv("QUBESBEAT_BIN"); p != "" {
		return p
	}
	path, err := build()
	if err != nil {
		t.Fatalf("building the beat: %v", err)
	}
	return path
}

// NewHome returns a folder for a beat, which is removed after the test.
func NewHome(t testing.TB) string {
	t.Helper()
	home, err := os.MkdirTemp("", "qb-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(home) })
	return home
}

// Start starts a beat in nw's sys-log. config is the inside of the qubesbeat
// section, indented by two; the word HOME in it stands for the beat's folder. The
// beat writes to files in HOME/out. Start returns when the beat captures and, if
// socket is not empty, when that exists, below HOME.
func Start(t testing.TB, nw *testbed.Network, home, config, socket string) *Beat {
	t.Helper()
	b := &Beat{Home: home, config: filepath.Join(home, "qubesbeat.yml"), done: make(chan error, 1)}
	text := "qubesbeat:\n" + config + "\noutput.file: {path: HOME/out, filename: events}\n"
	text = strings.ReplaceAll(text, "HOME", home)
	if err := os.WriteFile(b.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	b.cmd = exec.Command(Program(t), b.Args("-e")...)
	b.cmd.Dir, b.cmd.Stderr = home, &b.stderr
	if err := nw.Log.Start(b.cmd); err != nil {
		t.Fatal(err)
	}
	cmd := b.cmd
	go func() { b.done <- cmd.Wait() }()
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	b.wait(t, socket)
	return b
}

// Args returns the command line of the beat with its configuration.
func (b *Beat) Args(more ...string) []string {
	return append([]string{"-c", b.config, "--path.home", b.Home, "--strict.perms=false"}, more...)
}

func (b *Beat) wait(t testing.TB, socket string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		_, err := os.Stat(filepath.Join(b.Home, socket))
		if err == nil && strings.Contains(b.stderr.String(), `"capturing"`) {
			time.Sleep(200 * time.Millisecond) // what it listens at comes right after
			return
		}
		if time.Now().After(deadline) {
			b.Kill()
			t.Fatalf("the beat does not serve\n%s", b.stderr.String())
		}
	}
}

// PID returns the number of its process.
func (b *Beat) PID() int { return b.cmd.Process.Pid }

// Log returns what the beat has logged.
func (b *Beat) Log() string { return b.stderr.String() }

// Kill ends the beat like a crash.
func (b *Beat) Kill() {
	_ = b.cmd.Process.Kill()
	<-b.done
}

// Stop ends the beat like systemd, and returns its events.
func (b *Beat) Stop(t testing.TB) Events {
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
	return b.Events(t)
}
