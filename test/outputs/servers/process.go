package servers

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/dnstest"
	"github.com/qubesbeat/qubesbeat/internal/testbed/poll"
)

// Process is a server that can be killed and started again.
type Process struct {
	name string
	args []string
	env  []string
	log  string // file with the output of all runs
	// ready reports whether the server answers.
	ready func() bool

	cmd   *exec.Cmd
	ended chan struct{}
}

// Start starts the server and waits until it answers.
func (p *Process) Start(tb testing.TB) {
	tb.Helper()
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	p.cmd = exec.Command(p.args[0], p.args[1:]...)
	p.cmd.Stdout, p.cmd.Stderr, p.cmd.Dir = log, log, filepath.Dir(p.log)
	p.cmd.Env = append(os.Environ(), p.env...)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		tb.Fatalf("starting %s: %v", p.name, err)
	}
	ended := make(chan struct{})
	p.ended = ended
	go func(cmd *exec.Cmd) {
		_ = cmd.Wait()
		close(ended)
	}(p.cmd)
	tb.Cleanup(func() { p.Kill() })
	if !poll.Within(3*time.Minute, func() bool { return p.hasEnded() || p.ready() }) || p.hasEnded() {
		tb.Fatalf("%s does not answer:\n%s", p.name, p.tail())
	}
}

func (p *Process) hasEnded() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// Kill ends the server as a power cut would.
func (p *Process) Kill() {
	if p.cmd != nil {
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
}

// PID returns the process id of the server, which must have been started.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// tail returns the end of the log.
func (p *Process) tail() []byte {
	text, _ := os.ReadFile(p.log)
	lines := bytes.SplitAfter(text, []byte{'\n'})
	return bytes.Join(lines[max(0, len(lines)-30):], nil)
}

// freePort returns a port of 127.0.0.1 that no other test gets before this one ends.
func freePort(tb testing.TB) int {
	tb.Helper()
	return int(dnstest.FreePort(tb, netip.AddrFrom4([4]byte{127, 0, 0, 1})).Port())
}

// accepts reports whether something listens at a port.
func accepts(port int) bool {
	c, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", port), time.Second)
	if err == nil {
		_ = c.Close()
	}
	return err == nil
}
