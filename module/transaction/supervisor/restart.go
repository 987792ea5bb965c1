package supervisor

import (
	"time"

	"github.com/qubesbeat/qubesbeat/internal/feed"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/module/transaction/wire"
)

// start starts a process and waits until it is ready. It returns what the analyzers
// listen to, which is the same each time.
func (s *Supervisor) start() (wire.Ready, error) {
	p, ready, err := startProcess(s.cfg.Analyzers, s.guard, handlers{s.handleGuarded, s.panicked})
	if err != nil {
		return ready, err
	}
	s.finished, s.named = 0, map[uint32]string{}
	s.mu.Lock()
	s.process = p
	s.mu.Unlock()
	return ready, nil
}

// release frees what belongs to a process that has ended, and keeps its counters.
func (s *Supervisor) release() {
	s.process.close()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.past.Add(s.process.lastStats())
	s.process = nil
}

// The delay before a restart in a live capture; it doubles with each attempt.
const (
	restartDelay    = 100 * time.Millisecond
	maxRestartDelay = 5 * time.Second
)

// restart replaces a process that has ended. The new one gets the packets that
// were not finished, without those of the connection that ended the old one.
func (s *Supervisor) restart() {
	for attempt := 0; s.process != nil; attempt++ {
		s.process.kill()
		s.forget()
		s.recordCrash()
		s.recordUncounted()
		s.release()
		if !s.cfg.Blocking {
			time.Sleep(min(restartDelay<<min(attempt, 10), maxRestartDelay))
		}
		if _, err := s.start(); err != nil {
			s.cfg.Logger.Errorw("cannot restart the analyzers; transactions are no longer reported", "error", err.Error())
			s.count(func(c *Stats) { c.Lost += uint64(len(s.sent)) })
			s.sent = nil
			return
		}
		if s.resend() == nil {
			return
		}
	}
}

// recordCrash counts the crash and quarantines the connection of the packet that the
// process was busy with.
func (s *Supervisor) recordCrash() {
	protocol := "none" // it ended between packets
	fields := []any{"reason", s.process.reason()}
	if len(s.sent) > 0 {
		p := &s.sent[0]
		protocol = s.protocolOf(p)
		iface := s.cfg.InterfaceName(p.Iface)
		fields = append(fields, "interface", iface)
		if s.quarantined.add(p) {
			s.cfg.Logger.Errorw("analyzers crashed 3 times on one source; skipping it for 10m",
				"interface", iface, "address", p.Src.Netip(p.Family).String())
		}
	}
	s.count(func(c *Stats) { c.Crashes[protocol]++ })
	s.cfg.Logger.Errorw("analyzers crashed; restarting them without the connection that they were busy with",
		append(fields, "protocol", protocol)...)
}

// recordUncounted counts the packets that the process had finished after it sent its last
// counters: their outcome is not known elsewhere.
func (s *Supervisor) recordUncounted() {
	last := s.process.lastStats()
	if counted := last.Analyzers.Received(); s.finished > counted {
		s.count(func(c *Stats) { c.Uncounted += s.finished - counted })
	}
}

// icmp is the protocol without ports.
const icmp = "icmp"

// protocolOf returns the protocol that listens to a packet.
func (s *Supervisor) protocolOf(p *feed.Packet) string {
	table := s.ready.TCP
	switch p.Proto {
	case packet.ProtoTCP:
	case packet.ProtoUDP:
		table = s.ready.UDP
	default:
		return icmp
	}
	if name, ok := table[p.SrcPort]; ok {
		return name
	}
	return table[p.DstPort]
}

// resend sends the packets that the last process had not finished to the new one.
func (s *Supervisor) resend() error {
	again := s.sent
	s.sent = nil
	for i := range again {
		p := &again[i]
		if s.quarantined.has(p) {
			s.count(func(c *Stats) { c.Quarantined++ })
			continue
		}
		if !s.encode(p) {
			s.count(func(c *Stats) { c.Lost++ })
			continue
		}
		s.sent = append(s.sent, *p)
		if err := s.write(p); err != nil {
			s.sent = append(s.sent, again[i+1:]...)
			return err
		}
	}
	return s.process.in.Flush()
}
