package transaction

import (
	"bufio"
	"fmt"
	"io"
	"net/netip"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/beats/v7/libbeat/common"
	"github.com/elastic/beats/v7/packetbeat/procs"
	conf "github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/logp"
	"go.yaml.in/yaml/v3"
	"golang.org/x/sys/unix"

	"github.com/qubesbeat/qubesbeat/internal/enrich"
	"github.com/qubesbeat/qubesbeat/internal/feed"
)

// childVariable marks the process of the analyzers.
const childVariable = "QUBESBEAT_ANALYZERS"

// IsChild reports whether this process is to run [Child] and nothing else.
func IsChild() bool { return os.Getenv(childVariable) != "" }

// childConfig is what the child has to know, the first message to it.
type childConfig struct {
	Protocols        map[string]map[string]any `yaml:"protocols"`
	List             []map[string]any          `yaml:"list"`
	Procs            procs.ProcsConfig         `yaml:"procs"`
	Live             bool                      `yaml:"live"`
	Strict           bool                      `yaml:"strict"`
	Memory           int                       `yaml:"memory"`
	InternalNetworks []string                  `yaml:"internal_networks"`
	IgnoreOutgoing   bool                      `yaml:"ignore_outgoing"`
}

// childReady is what the child says when it can begin.
type childReady struct {
	TCP  map[uint16]string `yaml:"tcp"` // the protocol that listens to a port
	UDP  map[uint16]string `yaml:"udp"`
	ICMP bool              `yaml:"icmp"`
}

// The limits of the child beside what the analyzers may hold: the runtime and the
// empty caches, and a stack that no honest message needs.
const (
	childBase  = 384 << 20
	childStack = 32 << 20
)

// child is the process that runs the analyzers.
type child struct {
	in       *bufio.Reader
	progress *progress
	names    map[uint32]string
	forged   bool // the packet that is being taken

	mu     sync.Mutex // of out and writer
	out    *bufio.Writer
	writer *eventWriter
}

// Child runs the analyzers in a process of their own, between its standard input
// and output. It returns the status of the process.
func Child() int {
	dropPrivileges()
	c := &child{in: bufio.NewReaderSize(os.Stdin, 1<<16), out: bufio.NewWriterSize(os.Stdout, 1<<16),
		names: map[uint32]string{}, writer: newEventWriter()}
	if err := c.run(); err != nil {
		_ = writeMessage(c.out, kindFault, []byte(err.Error()))
		_ = c.out.Flush()
		return 1
	}
	return 0
}

func (c *child) run() (err error) {
	if c.progress, err = openProgress(os.NewFile(3, "progress")); err != nil {
		return err
	}
	_, body, err := readMessage(c.in)
	if err != nil {
		return fmt.Errorf("reading the configuration of the analyzers: %w", err)
	}
	var cfg childConfig
	if err := yaml.Unmarshal(body, &cfg); err != nil {
		return fmt.Errorf("reading the configuration of the analyzers: %w", err)
	}
	limit(cfg.Memory)
	a, p, err := c.build(&cfg)
	if err != nil {
		return err
	}
	if err := c.ready(a); err != nil || a == nil {
		return err
	}
	err = c.analyze(a, p)
	c.share(a, p)
	return err
}

// limit keeps the process within bounds that the runtime and the kernel hold:
// beyond them it ends, and the parent goes on.
func limit(memory int) {
	debug.SetMaxStack(childStack)
	most := uint64(childBase + 4*memory)
	debug.SetMemoryLimit(int64(most) / 2)
	_ = unix.Setrlimit(unix.RLIMIT_DATA, &unix.Rlimit{Cur: most, Max: most})
	_ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
}

// build makes the analyzers, and the publisher that sends their events to the
// parent.
func (c *child) build(cfg *childConfig) (*Analyzers, *Publisher, error) {
	log := logp.NewNopLogger()
	pc := PublisherConfig{InternalNetworks: cfg.InternalNetworks, IgnoreOutgoing: cfg.IgnoreOutgoing, Direct: true, Log: log,
		Connect: func(p beat.ProcessingConfig) (beat.Client, error) {
			section, _ := p.Private.(int)
			return &remoteClient{child: c, section: section, convert: common.NewGenericEventConverter(p.KeepNull, log)}, nil
		}}
	if cfg.Live {
		pc.Local = LocalIPs()
	}
	publisher := NewPublisher(pc)
	ac := Config{Protocols: map[string]*conf.C{}, Publisher: publisher, Memory: cfg.Memory, Strict: cfg.Strict, Log: log,
		Name:    func(iface uint32) string { return c.names[iface] },
		Genuine: func(uint32, netip.Addr, time.Time) bool { return !c.forged }}
	var err error
	for name, section := range cfg.Protocols {
		if ac.Protocols[name], err = conf.NewConfigFrom(section); err != nil {
			return nil, nil, fmt.Errorf("protocols: %s: %w", name, err)
		}
	}
	for i, section := range cfg.List {
		one, err := conf.NewConfigFrom(section)
		if err != nil {
			return nil, nil, fmt.Errorf("protocols: %d: %w", i, err)
		}
		ac.List = append(ac.List, one)
	}
	if cfg.Live && cfg.Procs.Enabled {
		ac.Processes = new(procs.ProcessesWatcher)
		if err := ac.Processes.Init(cfg.Procs); err != nil {
			return nil, nil, fmt.Errorf("procs: %w", err)
		}
	}
	a, err := New(ac)
	return a, publisher, err
}

// ready tells the parent what to send.
func (c *child) ready(a *Analyzers) error {
	r := childReady{TCP: map[uint16]string{}, UDP: map[uint16]string{}}
	if a != nil {
		for _, s := range a.sets {
			for port, p := range s.tcp {
				r.TCP[port] = p.name
			}
			for port, p := range s.udp {
				r.UDP[port] = p.name
			}
			r.ICMP = r.ICMP || s.icmp != nil
		}
	}
	return c.sendYAML(kindReady, r)
}

func (c *child) sendYAML(kind byte, v any) error {
	text, err := yaml.Marshal(v)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := writeMessage(c.out, kind, text); err != nil {
		return err
	}
	return c.out.Flush()
}

// lookEvery is how many packets pass at most between two looks at what is due,
// statsEvery how often the parent gets the counters.
const (
	lookEvery  = 256
	statsEvery = 200 * time.Millisecond
)

// analyze takes packets until the parent has no more.
func (c *child) analyze(a *Analyzers, p *Publisher) error {
	shared := time.Now()
	for n := 1; ; n++ {
		kind, body, err := readMessage(c.in)
		switch {
		case err == io.EOF:
			a.finish()
			return nil
		case err != nil:
			return fmt.Errorf("reading packets: %w", err)
		case kind == kindName && len(body) >= 4:
			c.names[uint32(body[0])|uint32(body[1])<<8|uint32(body[2])<<16|uint32(body[3])<<24] = string(body[4:])
			continue
		}
		var k feed.Packet
		if k, c.forged, err = parsePacket(body); err != nil {
			return err
		}
		a.take(&k)
		c.progress.next()
		if idle := c.in.Buffered() == 0; idle || n%lookEvery == 0 {
			a.conns.sweep(a)
			a.share()
			if time.Since(shared) > statsEvery {
				c.share(a, p)
				shared = time.Now()
			}
		}
	}
}

// childStats are the counters of the child.
type childStats struct {
	Analyzers Stats          `yaml:"analyzers"`
	Publisher PublisherStats `yaml:"publisher"`
}

// share sends the counters, now and then, and what waits in the buffer.
func (c *child) share(a *Analyzers, p *Publisher) {
	a.mu.Lock()
	s := childStats{Analyzers: a.stats, Publisher: p.Stats()}
	a.mu.Unlock()
	_ = c.sendYAML(kindStats, s)
}

// remoteClient sends the events of a section to the parent.
type remoteClient struct {
	child   *child
	section int
	convert *common.GenericEventConverter
}

var _ beat.Client = (*remoteClient)(nil) // type check

// Publish implements beat.Client. Where the event was seen is in its Private
// field.
func (r *remoteClient) Publish(e beat.Event) {
	w := wireEvent{Section: r.section, Timestamp: e.Timestamp.UnixNano(), Fields: r.convert.Convert(e.Fields)}
	if s, ok := e.Private.(enrich.Sight); ok {
		w.Known, w.Iface, w.From = true, s.Iface, uint8(s.FromSource)
		w.Source, w.Dest = s.Source.String(), s.Destination.String()
	}
	c := r.child
	c.mu.Lock()
	defer c.mu.Unlock()
	if b, err := c.writer.encode(&w); err == nil {
		_ = writeMessage(c.out, kindEvent, b) // a parent that is gone ends the loop of packets, too
	}
	_ = c.out.Flush()
}

// PublishAll implements beat.Client.
func (r *remoteClient) PublishAll(events []beat.Event) {
	for _, e := range events {
		r.Publish(e)
	}
}

// Close implements beat.Client.
func (r *remoteClient) Close() error { return nil }
