package supervisor

import (
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/elastic/elastic-agent-libs/logp"

	"github.com/qubesbeat/qubesbeat/internal/feed"
	"github.com/qubesbeat/qubesbeat/internal/guard"
	"github.com/qubesbeat/qubesbeat/module/transaction/wire"
)

// Config holds the settings of a [Supervisor].
type Config struct {
	// Guard recovers from panics at one packet and at one message of the process, and
	// counts those that the process has recovered from. It may be nil.
	Guard *guard.Keeper
	// Analyzers is the configuration of the analyzers' process; it must not be nil.
	Analyzers *wire.Config
	// Handle takes an event and the size of its encoding in bytes. It is called by one
	// goroutine at a time, and must not be nil.
	Handle func(e *wire.Event, size int)
	// InterfaceName returns the name of an observation point; it must not be nil.
	InterfaceName func(iface uint32) string
	// Genuine reports whether a source address is one of the qube behind an interface;
	// packets for which it does not are not analyzed. nil accepts all.
	Genuine func(iface uint32, source netip.Addr, at time.Time) bool
	// Blocking makes the feed wait if its queue is full, as a replay can.
	Blocking bool
	// Logger must not be nil.
	Logger *logp.Logger
}

// Supervisor runs the analyzers in a process of their own.
type Supervisor struct {
	cfg   Config
	guard *guard.Part // of the supervisor itself
	ready wire.Ready  // what the analyzers listen to; not changed after New
	ports feed.Ports
	queue *feed.Queue
	feed  *feed.Feed

	// What follows belongs to Run. It holds mu to change process, for Stats.
	process     *process      // nil if none runs
	sent        []feed.Packet // not known to be finished, oldest first
	finished    uint64        // packets of the process that are not in sent any more
	buf         []byte        // of the packet that was encoded last
	name        string        // of its interface
	named       map[uint32]string
	quarantined quarantine

	events *wire.EventDecoder // belongs to the goroutine that reads from the process

	mu    sync.Mutex
	parts map[string]*guard.Part // of the analyzers, by protocol; not changed after New
	past  wire.Stats             // of processes that have ended; guarded by mu
	stats Stats                  // guarded by mu
}

// New starts the first process and returns a supervisor that waits for packets, or
// nil if there is nothing to analyze. The error names the section of the
// configuration that cannot be used.
func New(cfg Config) (*Supervisor, error) {
	s := &Supervisor{cfg: cfg, guard: cfg.Guard.Part("events/analyzers"), queue: feed.NewQueue(cfg.Blocking), events: wire.NewEventDecoder(),
		quarantined: newQuarantine(cfg.InterfaceName), stats: Stats{Crashes: map[string]uint64{}}}
	var err error
	if s.ready, err = s.start(); err != nil {
		return nil, err
	}
	if s.ready.Empty() {
		s.release()
		return nil, nil
	}
	for port := range s.ready.TCP {
		s.ports.AddTCP(port)
	}
	for port := range s.ready.UDP {
		s.ports.AddUDP(port)
	}
	if s.ready.ICMP {
		s.ports.AddICMP()
	}
	s.addParts()
	s.feed = feed.New(&s.ports, s.queue)
	return s, nil
}

// Feed returns the packet observer that feeds the analyzers.
func (s *Supervisor) Feed() *feed.Feed { return s.feed }

// Wanted returns the ports that the analyzers listen to, and whether one is for
// ICMP.
func (s *Supervisor) Wanted() (tcp, udp []uint16, icmp bool) {
	return slices.Sorted(maps.Keys(s.ready.TCP)), slices.Sorted(maps.Keys(s.ready.UDP)), s.ready.ICMP
}

// Run sends packets to the process until the feed is closed and its queue empty,
// and returns when all events have been handled.
func (s *Supervisor) Run() {
	batch := make([]feed.Packet, 256)
	for {
		n := s.queue.Pop(batch)
		if n == 0 {
			break
		}
		for i := range batch[:n] {
			s.send(&batch[i])
		}
		clear(batch[:n]) // do not retain the payloads
		s.flush()
	}
	s.finish()
}

// Kill ends the process of a supervisor that is not going to run.
func (s *Supervisor) Kill() {
	if s.process != nil {
		s.process.kill()
		s.release()
	}
}

// send passes a packet to the process.
func (s *Supervisor) send(p *feed.Packet) {
	if s.quarantined.has(p) {
		s.count(func(c *Stats) { c.Quarantined++ })
		return
	}
	if s.process == nil || s.parts[s.protocolOf(p)].Stopped() || !s.encode(p) {
		s.count(func(c *Stats) { c.Lost++ })
		return
	}
	s.sent = append(s.sent, *p)
	if s.write(p) != nil {
		s.restart()
	}
}

// encode encodes a packet into the buffer. It reports false after a panic, which the
// process knows nothing of.
func (s *Supervisor) encode(p *feed.Packet) bool {
	return s.guard.Do(func() []byte { return p.Payload }, func() {
		s.name = s.cfg.InterfaceName(p.Iface)
		spoofed := s.cfg.Genuine != nil && !s.cfg.Genuine(p.Iface, p.Src.Netip(p.Family), time.Unix(0, p.Time))
		s.buf = wire.AppendPacket(s.buf[:0], p, spoofed)
	}) == nil
}

// maxNames bounds the interface names that are remembered: vifs come and go.
const maxNames = 4096

// write writes the packet that was encoded to the pipe, after the name of its
// interface if that is new.
func (s *Supervisor) write(p *feed.Packet) error {
	if s.named[p.Iface] != s.name {
		if len(s.named) > maxNames {
			clear(s.named)
		}
		s.named[p.Iface] = s.name
		if err := wire.Write(s.process.in, wire.KindName, wire.AppendName(nil, p.Iface, s.name)); err != nil {
			return err
		}
	}
	s.process.written.Add(1)
	return wire.Write(s.process.in, wire.KindPacket, s.buf)
}

// flush writes what is buffered and forgets the packets that are finished.
func (s *Supervisor) flush() {
	if s.process == nil {
		return
	}
	if s.process.in.Flush() != nil {
		s.restart()
		return
	}
	s.forget()
}

// forget drops the packets that the process has finished.
func (s *Supervisor) forget() {
	n := min(int(s.process.progress.Done()-s.finished), len(s.sent))
	s.sent = append(s.sent[:0], s.sent[n:]...)
	clear(s.sent[len(s.sent):cap(s.sent)])
	s.finished += uint64(n)
}

// finish closes the input of the process and waits for its end. A crash starts
// another one, which gets what is left.
func (s *Supervisor) finish() {
	for s.process != nil {
		if s.process.closeInput() == nil && s.process.wait() == nil {
			s.release()
			return
		}
		s.restart()
	}
}

// handleGuarded takes an event from the process. It is called by the goroutine that
// reads from one process; only one process is read at a time.
func (s *Supervisor) handleGuarded(body []byte) {
	if s.guard.Do(func() []byte { return body }, func() { s.handle(body) }) != nil {
		s.count(func(c *Stats) { c.Damaged++ })
	}
}

func (s *Supervisor) handle(body []byte) {
	e, err := s.events.Decode(body)
	if err != nil || e.Fields == nil {
		s.count(func(c *Stats) { c.Damaged++ })
		return
	}
	s.cfg.Handle(&e, len(body))
}
