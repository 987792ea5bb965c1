package supervisor

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/guard"
	"github.com/qubesbeat/qubesbeat/module/transaction/wire"
)

// process is one process of the analyzers.
type process struct {
	guard    *guard.Part // may be nil
	cmd      *exec.Cmd
	stdin    io.WriteCloser
	in       *bufio.Writer // to stdin
	progress *wire.Progress
	stderr   head

	readEnd  chan struct{} // closed when the process has ended, after exitErr is set
	exitErr  error
	released chan struct{} // closed by close
	closing  sync.Once
	watchdog sync.WaitGroup

	written  atomic.Uint64 // packets
	handling atomic.Bool   // one of its events is being handled
	hung     atomic.Bool   // killed by the watchdog

	mu    sync.Mutex
	stats wire.Stats // guarded by mu
}

// startTimeout is how long a process may take to become ready.
const startTimeout = 30 * time.Second

// handlers take the bodies of messages of the process, one at a time.
type handlers struct{ event, panicked func(body []byte) }

// startProcess starts this program again, to run the analyzers. It returns when
// they are ready. on takes what they report.
func startProcess(cfg *wire.Config, part *guard.Part, on handlers) (*process, wire.Ready, error) {
	p, out, err := launch(part)
	if err != nil {
		return nil, wire.Ready{}, fmt.Errorf("starting the analyzers: %w", err)
	}
	answers := make(chan answer, 1)
	go p.readOutput(out, answers, on)
	ready, err := p.configure(cfg, answers)
	if err != nil {
		p.kill()
		p.close()
		return nil, ready, err
	}
	p.watchdog.Go(p.killIfHung)
	return p, ready, nil
}

// errNested keeps a program that does not run the analyzers in their process from
// starting itself without end.
var errNested = errors.New("this process should run the analyzers itself: " + wire.ChildVariable + " is set")

// launch starts the process and returns its output.
func launch(part *guard.Part) (*process, io.Reader, error) {
	if os.Getenv(wire.ChildVariable) != "" {
		return nil, nil, errNested
	}
	progress, err := wire.NewProgress()
	if err != nil {
		return nil, nil, err
	}
	p := &process{guard: part, progress: progress, readEnd: make(chan struct{}), released: make(chan struct{})}
	p.cmd = exec.Command("/proc/self/exe")
	p.cmd.Args = []string{os.Args[0]}
	p.cmd.Env = append(os.Environ(), wire.ChildVariable+"=1", "GOTRACEBACK=single")
	p.cmd.ExtraFiles = []*os.File{progress.File()} // wire.ProgressFile
	p.cmd.Stderr = &p.stderr
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // signals of the terminal are for the beat
	out, err := p.start()
	if err != nil {
		progress.Close()
		return nil, nil, err
	}
	return p, out, nil
}

func (p *process) start() (out io.Reader, err error) {
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if out, err = p.cmd.StdoutPipe(); err != nil {
		return nil, err
	}
	p.in = bufio.NewWriterSize(p.stdin, 1<<16)
	return out, p.cmd.Start()
}

// answer is what the process says to its configuration.
type answer struct {
	ready wire.Ready
	err   error
}

// configure sends the configuration and waits for the answer.
func (p *process) configure(cfg *wire.Config, answers <-chan answer) (wire.Ready, error) {
	if err := errors.Join(wire.WriteYAML(p.in, wire.KindConfig, cfg), p.in.Flush()); err != nil {
		p.kill()
		return wire.Ready{}, fmt.Errorf("starting the analyzers: %w: %s", err, p.reason())
	}
	timer := time.NewTimer(startTimeout)
	defer timer.Stop()
	select {
	case a := <-answers:
		return a.ready, a.err
	case <-timer.C:
		return wire.Ready{}, errors.New("starting the analyzers: no answer")
	}
}

// readOutput reads what the process says until its end. It sends one answer.
func (p *process) readOutput(out io.Reader, answers chan<- answer, on handlers) {
	r, answered := bufio.NewReaderSize(out, 1<<16), false
	for {
		kind, body, err := wire.Read(r)
		if err != nil {
			break
		}
		switch {
		case kind == wire.KindEvent:
			p.handling.Store(true)
			on.event(body)
			p.handling.Store(false)
		case kind == wire.KindStats:
			p.setStats(body)
		case kind == wire.KindPanic:
			on.panicked(body)
		case !answered:
			answers <- p.parseAnswer(kind, body)
			answered = true
		}
	}
	p.exitErr = p.cmd.Wait()
	close(p.readEnd)
	if !answered {
		answers <- answer{err: fmt.Errorf("starting the analyzers: %s", p.reason())}
	}
}

// parseYAML is [wire.ParseYAML], with a panic as an error.
func (p *process) parseYAML(body []byte, v any) (err error) {
	if panicked := p.guard.Do(func() []byte { return body }, func() { err = wire.ParseYAML(body, v) }); panicked != nil {
		return panicked
	}
	return err
}

func (p *process) parseAnswer(kind wire.Kind, body []byte) (a answer) {
	switch kind {
	case wire.KindReady:
		a.err = p.parseYAML(body, &a.ready)
	case wire.KindFault:
		a.err = errors.New(string(body))
	default:
		a.err = wire.ErrDamaged
	}
	return a
}

func (p *process) setStats(body []byte) {
	var s wire.Stats
	if p.parseYAML(body, &s) != nil {
		return
	}
	p.mu.Lock()
	p.stats = s
	p.mu.Unlock()
}

func (p *process) lastStats() wire.Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stats
}

// closeInput signals the process that there are no more packets.
func (p *process) closeInput() error { return errors.Join(p.in.Flush(), p.stdin.Close()) }

// wait waits for the end of the process. It returns nil if that was regular.
func (p *process) wait() error {
	<-p.readEnd
	return p.exitErr
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.readEnd
}

// close frees what belongs to a process that has ended.
func (p *process) close() {
	p.closing.Do(func() {
		close(p.released)
		p.watchdog.Wait() // it reads the progress
		_ = p.stdin.Close()
		p.progress.Close()
	})
}
