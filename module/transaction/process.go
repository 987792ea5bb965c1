package transaction

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"go.yaml.in/yaml/v3"
)

// process is one process of the analyzers.
type process struct {
	cmd      *exec.Cmd
	stdin    io.WriteCloser
	in       *bufio.Writer
	progress *progress
	trouble  head // of what it says on its standard error

	read    chan struct{} // closed when its output has ended
	over    chan struct{} // closed when nobody is interested any more
	exited  error         // valid after read
	given   atomic.Uint64 // packets written
	busy    atomic.Bool   // an event of it is being handed on
	hung    atomic.Bool
	closing sync.Once
	watcher sync.WaitGroup

	mu    sync.Mutex
	stats childStats // guarded by mu
}

// How long the process may be at one packet, and how long its start may take.
const (
	hangAfter  = 3 * time.Second
	startAfter = 30 * time.Second
)

// startProcess starts this program once more, as the child.
func startProcess(cfg *childConfig, receive func([]byte)) (*process, childReady, error) {
	var ready childReady
	shared, err := newProgress()
	if err != nil {
		return nil, ready, err
	}
	p := &process{progress: shared, read: make(chan struct{}), over: make(chan struct{})}
	p.cmd = exec.Command("/proc/self/exe")
	p.cmd.Args = []string{os.Args[0]}
	p.cmd.Env = append(os.Environ(), childVariable+"=1", "GOTRACEBACK=single")
	p.cmd.ExtraFiles = []*os.File{shared.file}
	p.cmd.Stderr = &p.trouble
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a signal from the terminal is for the parent
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, ready, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, ready, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, ready, fmt.Errorf("starting the analyzers: %w", err)
	}
	p.in = bufio.NewWriterSize(p.stdin, 1<<16)
	answer := make(chan error, 1)
	go p.listen(out, &ready, answer, receive)
	if err := p.configure(cfg, answer); err != nil {
		p.kill()
		p.close()
		return nil, ready, err
	}
	p.watcher.Go(p.watch)
	return p, ready, nil
}

// configure sends the configuration and waits for the answer.
func (p *process) configure(cfg *childConfig, answer <-chan error) error {
	text, err := yaml.Marshal(cfg)
	if err != nil {
		return err
	}
	if err := errors.Join(writeMessage(p.in, 'c', text), p.in.Flush()); err != nil {
		return fmt.Errorf("starting the analyzers: %w: %s", err, p.reason())
	}
	select {
	case err := <-answer:
		return err
	case <-time.After(startAfter):
		return errors.New("starting the analyzers: they do not answer")
	}
}

// listen reads what the process says until its end.
func (p *process) listen(out io.Reader, ready *childReady, answer chan<- error, receive func([]byte)) {
	defer close(p.read)
	r, answered := bufio.NewReaderSize(out, 1<<16), false
	for {
		kind, body, err := readMessage(r)
		if err != nil {
			break
		}
		switch kind {
		case kindReady:
			answer <- yaml.Unmarshal(body, ready)
			answered = true
		case kindFault:
			if !answered {
				answer <- errors.New(string(body))
				answered = true
			}
		case kindEvent:
			p.busy.Store(true)
			receive(body)
			p.busy.Store(false)
		case kindStats:
			p.note(body)
		}
	}
	p.exited = p.cmd.Wait()
	if !answered {
		answer <- fmt.Errorf("starting the analyzers: %s", p.reason())
	}
}

func (p *process) note(body []byte) {
	var s childStats
	if yaml.Unmarshal(body, &s) != nil {
		return
	}
	p.mu.Lock()
	p.stats = s
	p.mu.Unlock()
}

func (p *process) lastStats() childStats {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stats
}

// watch ends a process that is at the same packet for too long. While the output
// takes no events, there is nothing to blame the process for.
func (p *process) watch() {
	ticker := time.NewTicker(hangAfter / 10)
	defer ticker.Stop()
	last, since := uint64(0), time.Now()
	for {
		select {
		case <-p.read:
			return
		case <-p.over:
			return
		case <-ticker.C:
		}
		done := p.progress.done()
		if done != last || done >= p.given.Load() || p.busy.Load() {
			last, since = done, time.Now()
		} else if time.Since(since) > hangAfter {
			p.hung.Store(true)
			_ = p.cmd.Process.Kill()
			return
		}
	}
}

// closeInput tells the process that there is no more.
func (p *process) closeInput() error { return errors.Join(p.in.Flush(), p.stdin.Close()) }

// wait returns when the process has ended, nil where it has done so by itself.
func (p *process) wait() error {
	<-p.read
	return p.exited
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.read
}

func (p *process) close() {
	p.closing.Do(func() {
		close(p.over)
		p.watcher.Wait() // it looks at the progress
		_ = p.stdin.Close()
		p.progress.close()
	})
}

// lastWords finds what the runtime says at the end of a process.
var lastWords = regexp.MustCompile(`(?m)^(fatal error|panic|runtime): .*`)

// reason says why the process has ended.
func (p *process) reason() string {
	if p.hung.Load() {
		return fmt.Sprintf("it was at one packet for %v", hangAfter)
	}
	if line := lastWords.Find(p.trouble.bytes()); line != nil {
		return string(line)
	}
	if p.exited != nil {
		return p.exited.Error()
	}
	return "it has ended"
}

// head keeps the beginning of what is written to it, where the reason is. It is
// safe for concurrent use.
type head struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write implements io.Writer.
func (t *head) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if room := 16<<10 - t.buf.Len(); room > 0 {
		t.buf.Write(b[:min(room, len(b))])
	}
	return len(b), nil
}

func (t *head) bytes() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	return bytes.Clone(t.buf.Bytes())
}
