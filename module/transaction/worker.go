package transaction

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/beats/v7/packetbeat/config"
	"github.com/elastic/beats/v7/packetbeat/procs"
	conf "github.com/elastic/elastic-agent-libs/config"

	"github.com/qubesbeat/qubesbeat/internal/feed"
	"github.com/qubesbeat/qubesbeat/internal/spell"
)

// Worker runs the analyzers in a process of their own. What they read is hostile,
// and not every fault of theirs is a panic: a message may make them ask for more
// memory than there is, call themselves without end, or never return. Then the
// process ends, or is ended; the worker stops analyzing the connection that it
// was at, begins a new process, and gives it the packets that were on their way.
type Worker struct {
	cfg      Config
	child    childConfig
	sections map[int]func(r report) // by number: gives an event to its client
	ready    childReady
	queue    *feed.Queue
	ports    feed.Ports

	process *process      // nil while there is none
	sent    []feed.Packet // on their way, oldest first; sent[0] has number first
	first   uint64        // since the process began
	buf     []byte        // of a message
	banned  map[way]bool  // connections that the analyzers have failed on
	guilty  map[origination]guilt
	named   map[uint32]string
	events  *eventReader // belongs to the goroutine that reads from the process

	mu    sync.Mutex
	past  childStats // of processes that have ended; guarded by mu
	stats WorkerStats
}

// WorkerStats counts what happened to the process of the analyzers.
type WorkerStats struct {
	Failures map[string]uint64 // by protocol: times that the process ended
	Banned   uint64            // packets of connections that ended a process
	Lost     uint64            // packets that found no process
}

// NewWorker returns a worker whose first process waits for packets. It returns nil
// where nothing is to be analyzed, and an error that names the section that
// cannot be used. procs is packetbeat's section.
func NewWorker(c Config, p procs.ProcsConfig, live bool) (*Worker, error) {
	w := &Worker{cfg: c, events: newEventReader(), queue: feed.NewQueue(c.Patient), sections: map[int]func(report){}, banned: map[way]bool{}, guilty: map[origination]guilt{},
		stats: WorkerStats{Failures: map[string]uint64{}},
		child: childConfig{Procs: p, Live: live, Strict: c.Strict, Memory: c.Memory, Protocols: map[string]map[string]any{},
			InternalNetworks: c.Publisher.cfg.InternalNetworks, IgnoreOutgoing: c.Publisher.cfg.IgnoreOutgoing}}
	// packetbeat's own reading finds what is wrong with icmp.
	if _, err := (config.Config{Protocols: c.Protocols, ProtocolsList: c.List}).ICMP(); err != nil {
		return nil, fmt.Errorf("reading the configuration: protocols: %w", err)
	}
	if err := w.addSections(); err != nil {
		return nil, fmt.Errorf("reading the configuration: protocols: %w", err)
	}
	if err := w.begin(); err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	for port := range w.ready.TCP {
		w.ports.AddTCP(port)
	}
	for port := range w.ready.UDP {
		w.ports.AddUDP(port)
	}
	if w.ready.ICMP {
		w.ports.AddICMP()
	}
	if w.empty() {
		w.end()
		return nil, nil
	}
	return w, nil
}

// Check returns what NewWorker would find wrong with the sections of c, which needs
// no publisher.
func Check(c Config, p procs.ProcsConfig) error {
	c.Publisher = NewPublisher(PublisherConfig{Log: c.Log, Connect: func(beat.ProcessingConfig) (beat.Client, error) {
		return nil, nil
	}})
	w, err := NewWorker(c, p, false)
	if w != nil {
		w.process.kill()
		w.end()
	}
	return err
}

func (w *Worker) empty() bool { return len(w.ready.TCP) == 0 && len(w.ready.UDP) == 0 && !w.ready.ICMP }

// addSections numbers the sections and makes a client for each.
func (w *Worker) addSections() error {
	number := 0
	add := func(name string, cfg *conf.C) (map[string]any, error) {
		tree := map[string]any{}
		if err := cfg.Unpack(&tree); err != nil {
			return nil, err
		}
		number++
		tree["_section"] = number
		w.warn(fmt.Sprint(cmp.Or(tree["type"], any(name))))
		if !cfg.Enabled() {
			return tree, nil
		}
		give, err := w.cfg.Publisher.section(cfg)
		w.sections[number] = give
		return tree, err
	}
	var err error
	for _, name := range slices.Sorted(maps.Keys(w.cfg.Protocols)) {
		if w.child.Protocols[name], err = add(name, w.cfg.Protocols[name]); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	for i, cfg := range w.cfg.List {
		tree, err := add("", cfg)
		if err != nil {
			return fmt.Errorf("%d: %w", i, err)
		}
		w.child.List = append(w.child.List, tree)
	}
	return nil
}

// known are the analyzers that there are.
var known = []string{"icmp", "dhcpv4", "dns", "http", "amqp", "cassandra", "memcache", "mysql", "pgsql", "redis", "thrift",
	"mongodb", "nfs", "tls", "sip"}

// warn says that nobody analyzes a protocol: packetbeat passes over it.
func (w *Worker) warn(protocol string) {
	if slices.Contains(known, protocol) {
		return
	}
	near := slices.MinFunc(known, func(a, b string) int { return spell.Distance(protocol, a) - spell.Distance(protocol, b) })
	w.cfg.Log.Warnw("there is no analyzer for a protocol of the configuration; it is passed over", "type", protocol, "nearest", near)
}

// Tap returns the tap that feeds the analyzers.
func (w *Worker) Tap() *feed.Feed { return feed.New(&w.ports, w.queue) }

// Wanted returns the ports that the analyzers listen to, and whether one is for
// ICMP.
func (w *Worker) Wanted() (tcp, udp []uint16, icmp bool) {
	return slices.Sorted(maps.Keys(w.ready.TCP)), slices.Sorted(maps.Keys(w.ready.UDP)), w.ready.ICMP
}

// Run sends packets to the process until the queue is closed and empty, and waits
// until everything that comes of them is with the publisher.
func (w *Worker) Run() {
	batch := make([]feed.Packet, 256)
	for {
		n := w.queue.Pop(batch)
		if n == 0 {
			break
		}
		for i := range batch[:n] {
			w.send(&batch[i])
		}
		clear(batch[:n])
		w.flush()
	}
	w.finish()
}

// send gives a packet to the process.
func (w *Worker) send(p *feed.Packet) {
	if w.isBanned(p) {
		w.count(func(s *WorkerStats) { s.Banned++ })
		return
	}
	if w.process == nil {
		w.count(func(s *WorkerStats) { s.Lost++ })
		return
	}
	w.sent = append(w.sent, *p)
	if w.write(p) != nil {
		w.recover()
	}
}

// write puts a packet into the pipe, after the name of its interface where that
// is new.
func (w *Worker) write(p *feed.Packet) error {
	if name := w.cfg.Name(p.Iface); w.named[p.Iface] != name {
		if len(w.named) > maxIfaces {
			clear(w.named)
		}
		w.named[p.Iface] = name
		id := p.Iface
		body := append([]byte{byte(id), byte(id >> 8), byte(id >> 16), byte(id >> 24)}, name...)
		if err := writeMessage(w.process.in, kindName, body); err != nil {
			return err
		}
	}
	forged := w.cfg.Genuine != nil && !w.cfg.Genuine(p.Iface, p.Src.Netip(p.Family), time.Unix(0, p.Time))
	w.buf = appendPacket(w.buf[:0], p, forged)
	w.process.given.Add(1)
	return writeMessage(w.process.in, kindPacket, w.buf)
}

// flush hands over what was written and forgets what the process has done with.
func (w *Worker) flush() {
	if w.process == nil {
		return
	}
	if w.process.in.Flush() != nil {
		w.recover()
		return
	}
	w.forget()
}

func (w *Worker) forget() {
	n := min(int(w.process.progress.done()-w.first), len(w.sent))
	w.sent = append(w.sent[:0], w.sent[n:]...)
	clear(w.sent[len(w.sent):cap(w.sent)])
	w.first += uint64(n)
}

// finish tells the process that there is no more, and waits for what it still has
// to say.
func (w *Worker) finish() {
	for w.process != nil {
		if w.process.closeInput() == nil && w.process.wait() == nil {
			w.end()
			return
		}
		w.recover()
	}
}

func (w *Worker) count(change func(*WorkerStats)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change(&w.stats)
}
