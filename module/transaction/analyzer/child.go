package analyzer

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/elastic/beats/v7/packetbeat/procs"
	conf "github.com/elastic/elastic-agent-libs/config"

	"github.com/qubesbeat/qubesbeat/internal/feed"
	"github.com/qubesbeat/qubesbeat/internal/guard"
	"github.com/qubesbeat/qubesbeat/module/transaction/wire"
)

// IsChild reports whether this process is to run [Main] and nothing else.
func IsChild() bool { return os.Getenv(wire.ChildVariable) != "" }

// Main runs the analyzers between standard input and output until the input ends.
// It returns the exit status of the process.
func Main() int {
	ignoreSignals()
	dropPrivileges()
	c := &child{in: bufio.NewReaderSize(os.Stdin, 1<<16), out: newOutput(os.Stdout), names: map[uint32]string{}}
	if err := c.run(); err != nil {
		_ = c.out.write(wire.KindFault, []byte(err.Error()))
		return 1
	}
	return 0
}

// ignoreSignals leaves the end of the process to the beat, which closes its input. systemd
// may send SIGTERM to all processes of a unit, and the last requests would be lost.
func ignoreSignals() {
	signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2)
}

// child is the process of the analyzers.
type child struct {
	in       *bufio.Reader
	out      *output
	progress *wire.Progress
	names    map[uint32]string // of interfaces
	shared   time.Time         // when the counters were sent
}

func (c *child) run() (err error) {
	if c.progress, err = wire.OpenProgress(os.NewFile(wire.ProgressFile, "progress")); err != nil {
		return err
	}
	cfg, err := c.readConfig()
	if err != nil {
		return fmt.Errorf("reading the configuration of the analyzers: %w", err)
	}
	limitResources(cfg.Memory)
	a, err := c.newAnalyzers(cfg)
	if err != nil {
		return err
	}
	if a == nil {
		return c.out.writeYAML(wire.KindReady, wire.Ready{})
	}
	if !cfg.Live || !cfg.Procs.Enabled { // the search for processes reads /proc
		if err := confine(); err != nil {
			fmt.Fprintf(os.Stderr, "qubesbeat: the analyzers keep their system calls: %v\n", err)
		}
	}
	if err := c.out.writeYAML(wire.KindReady, a.ports()); err != nil {
		return err
	}
	err = c.analyze(a)
	_ = c.out.writeYAML(wire.KindStats, a.stats())
	return err
}

// readConfig reads the first message.
func (c *child) readConfig() (*wire.Config, error) {
	kind, body, err := wire.Read(c.in)
	if err != nil {
		return nil, err
	}
	if kind != wire.KindConfig {
		return nil, wire.ErrDamaged
	}
	cfg := new(wire.Config)
	return cfg, wire.ParseYAML(body, cfg)
}

// newAnalyzers returns nil if there is nothing to analyze.
func (c *child) newAnalyzers(cfg *wire.Config) (*analyzers, error) {
	ac := config{protocols: map[string]*conf.C{}, memory: cfg.Memory, strict: cfg.Strict,
		interfaceName: func(iface uint32) string { return c.names[iface] },
		panicked:      c.out.writePanic, probe: newProbe(),
		reporter: reporterConfig{internalNetworks: cfg.InternalNetworks, ignoreOutgoing: cfg.IgnoreOutgoing, send: c.out.writeEvent}}
	var err error
	for name, section := range cfg.Protocols {
		if ac.protocols[name], err = conf.NewConfigFrom(section); err != nil {
			return nil, fmt.Errorf("protocols: %s: %w", name, err)
		}
	}
	for i, section := range cfg.List {
		one, err := conf.NewConfigFrom(section)
		if err != nil {
			return nil, fmt.Errorf("protocols: %d: %w", i, err)
		}
		ac.list = append(ac.list, one)
	}
	if cfg.Live {
		ac.reporter.local = localIPs()
	}
	if cfg.Live && cfg.Procs.Enabled {
		ac.processes = new(procs.ProcessesWatcher)
		if err := ac.processes.Init(cfg.Procs); err != nil {
			return nil, fmt.Errorf("procs: %w", err)
		}
	}
	return newAnalyzers(ac)
}

// newProbe returns what makes an analyzer panic at an input, nil unless a test of the
// whole program wants that.
func newProbe() func(protocol string, input []byte) {
	spec := os.Getenv(guard.TestPanicVariable)
	if spec == "" {
		return nil
	}
	keeper := guard.New(guard.Config{Logger: slog.New(slog.DiscardHandler)})
	keeper.Inject(spec)
	return func(protocol string, input []byte) { keeper.Part(wire.PartOf(protocol)).Probe(input) }
}

// expireEvery is how many packets pass at most between two searches for idle
// connections, statsEvery how often the counters are sent.
const (
	expireEvery = 256
	statsEvery  = 200 * time.Millisecond
)

// analyze takes packets until the beat has no more.
func (c *child) analyze(a *analyzers) error {
	c.shared = time.Now()
	for n := 1; ; n++ {
		p, spoofed, err := c.nextPacket()
		if err == io.EOF {
			a.finish()
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading packets: %w", err)
		}
		a.take(&p, spoofed)
		c.progress.Next()
		if idle := c.in.Buffered() == 0; idle || n%expireEvery == 0 {
			a.expire()
			c.share(a)
		}
	}
}

// nextPacket reads up to the next packet. It returns io.EOF at the end.
func (c *child) nextPacket() (p feed.Packet, spoofed bool, err error) {
	for {
		kind, body, err := wire.Read(c.in)
		if err != nil {
			return p, false, err
		}
		switch kind {
		case wire.KindPacket:
			return wire.ParsePacket(body)
		case wire.KindName:
			iface, name, err := wire.ParseName(body)
			if err != nil {
				return p, false, err
			}
			c.names[iface] = name
		}
	}
}

// share sends the counters if the last ones are old.
func (c *child) share(a *analyzers) {
	if time.Since(c.shared) > statsEvery {
		_ = c.out.writeYAML(wire.KindStats, a.stats())
		c.shared = time.Now()
	}
}

// output writes messages to the beat. It is safe for concurrent use: some analyzers
// report events from timers.
type output struct {
	mu      sync.Mutex
	w       *bufio.Writer      // guarded by mu
	encoder *wire.EventEncoder // guarded by mu
}

func newOutput(w io.Writer) *output {
	return &output{w: bufio.NewWriterSize(w, 1<<16), encoder: wire.NewEventEncoder()}
}

func (o *output) write(kind wire.Kind, body []byte) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := wire.Write(o.w, kind, body); err != nil {
		return err
	}
	return o.w.Flush()
}

func (o *output) writeYAML(kind wire.Kind, v any) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := wire.WriteYAML(o.w, kind, v); err != nil {
		return err
	}
	return o.w.Flush()
}

// writePanic sends a panic of an analyzer at once.
func (o *output) writePanic(p *wire.Panic) { _ = o.write(wire.KindPanic, wire.AppendPanic(nil, p)) }

// writeEvent sends an event at once, since the next packet may end the process. It
// reports false if the event cannot be encoded. If the beat is gone, so is the
// input, which ends the process.
func (o *output) writeEvent(e *wire.Event) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	body, err := o.encoder.Encode(e)
	if err != nil {
		return false
	}
	_ = wire.Write(o.w, wire.KindEvent, body)
	_ = o.w.Flush()
	return true
}
