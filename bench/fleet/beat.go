package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/qubesbeat/qubesbeat/bench/laptop"
)

// beatConfig is the configuration of a sensor. The verbs are its name, the inventory and the
// output. All else is what a user gets.
const beatConfig = `name: %s
qubesbeat:
  flows: {timeout: 30s, period: -1s}
  protocols:
    - {type: dns, ports: [53]}
  inventory: {file: %q}
%s
logging: {level: warning, to_stderr: true}
`

// beat is a run of a sensor.
type beat struct {
	cmd    *exec.Cmd
	stderr bytes.Buffer
	start  time.Time
}

// usage is what a run took.
type usage struct {
	cpu, wall time.Duration
}

// newBeat returns a beat that was not started. The folder below the sensor's keeps the beat's id
// from one run to the next with the same name.
func (f *fleet) newBeat(ctx context.Context, s *sensor, run, output string, args ...string) (*beat, error) {
	home := filepath.Join(s.home, run)
	config := filepath.Join(home, "qubesbeat.yml")
	text := fmt.Sprintf(beatConfig, s.busy.Name, filepath.Join(s.home, inventory), output)
	if err := errors.Join(os.MkdirAll(home, 0o700), os.WriteFile(config, []byte(text), 0o600)); err != nil {
		return nil, err
	}
	b := &beat{cmd: exec.CommandContext(ctx, f.o.qubesbeat, append([]string{"-c", config, "--path.home", home, "--strict.perms=false"}, args...)...)}
	b.cmd.Stderr, b.cmd.Dir = &b.stderr, home
	b.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return b, nil
}

// run starts the beat and waits for its end.
func (b *beat) run() (usage, error) {
	b.start = time.Now()
	if err := b.cmd.Start(); err != nil {
		return usage{}, err
	}
	return b.wait()
}

// wait waits for the end of the beat. Its CPU time has that of the analyzers, for which it waits.
func (b *beat) wait() (usage, error) {
	err := b.cmd.Wait()
	u := usage{wall: time.Since(b.start)}
	if b.cmd.ProcessState != nil {
		u.cpu = b.cmd.ProcessState.UserTime() + b.cmd.ProcessState.SystemTime()
	}
	if err != nil {
		return u, fmt.Errorf("%v: %w\n%s", b.cmd.Args, err, tail(b.stderr.Bytes(), 10))
	}
	return u, nil
}

// tail returns the last n lines of a text.
func tail(text []byte, n int) []byte {
	lines := bytes.SplitAfter(bytes.TrimSpace(text), []byte{'\n'})
	return bytes.Join(lines[max(0, len(lines)-n):], nil)
}

// name writes the inventory of a laptop.
func (s *sensor) name(l *laptop.Laptop) error {
	return os.WriteFile(filepath.Join(s.home, inventory), l.Inventory(), 0o600)
}
