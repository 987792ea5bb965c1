package transaction

import (
	"time"

	"github.com/qubesbeat/qubesbeat/internal/feed"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/qube"
)

// begin starts a process and waits until it is ready.
func (w *Worker) begin() error {
	p, ready, err := startProcess(&w.child, w.receive)
	if err != nil {
		return err
	}
	w.ready, w.first, w.named = ready, 0, map[uint32]string{}
	w.mu.Lock()
	w.process = p
	w.mu.Unlock()
	return nil
}

// end forgets a process and keeps its counters.
func (w *Worker) end() {
	if w.process == nil {
		return
	}
	w.process.close()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.past.add(w.process.lastStats())
	w.process = nil
}

// recover begins a new process after one has ended, without the connection that
// ended it, and gives it what was on its way.
func (w *Worker) recover() {
	for attempt := 0; w.process != nil; attempt++ {
		w.process.kill()
		w.forget()
		w.blame()
		w.end()
		if !w.cfg.Patient {
			time.Sleep(min(100*time.Millisecond<<attempt, 5*time.Second))
		}
		if err := w.begin(); err != nil {
			w.cfg.Log.Errorw("the analyzers do not start again; transactions are no longer reported", "error", err.Error())
			w.count(func(s *WorkerStats) { s.Lost += uint64(len(w.sent)) })
			w.sent = nil
			return
		}
		if w.resend() == nil {
			return
		}
	}
}

// maxBanned bounds the connections that are remembered as fatal.
const maxBanned = 4096

// blame finds the packet that the process was at, and takes its connection out of
// the analysis.
func (w *Worker) blame() {
	name := "none" // it ended between packets
	if len(w.sent) > 0 {
		p := &w.sent[0]
		name = w.protocolOf(p)
		if len(w.banned) >= maxBanned {
			clear(w.banned)
		}
		w.banned[wayOf(p)] = true
		w.accuse(p)
	}
	w.count(func(s *WorkerStats) { s.Failures[name]++ })
	fields := []any{"protocol", name, "reason", w.process.reason()}
	if len(w.sent) > 0 {
		fields = append(fields, "interface", w.cfg.Name(w.sent[0].Iface))
	}
	w.cfg.Log.Errorw("the analyzers have ended and begin anew; one connection is not analyzed further", fields...)
}

// guilt is what is known of an interface from which the analyzers were ended.
type guilt struct {
	times int
	until int64 // packet time until which it is not analyzed at all
}

// origination is where packets come from: a vif is one qube, whatever the address;
// elsewhere the address has to do.
type origination struct {
	iface uint32
	addr  packet.Addr
}

func (w *Worker) originationOf(p *feed.Packet, addr packet.Addr) origination {
	if _, onVif := qube.VifDomain(w.cfg.Name(p.Iface)); onVif {
		addr = packet.Addr{}
	}
	return origination{p.Iface, addr}
}

// Who has ended the analyzers so often is left out of the analysis
// for a while: each time costs all others their unfinished transactions.
const (
	mostFailures = 3
	leftOut      = int64(10 * time.Minute)
	maxGuilty    = 1024
)

// accuse notes from where the packet came that ended the analyzers.
func (w *Worker) accuse(p *feed.Packet) {
	if len(w.guilty) >= maxGuilty {
		clear(w.guilty)
	}
	from := w.originationOf(p, p.Src)
	g := w.guilty[from]
	if g.times++; g.times >= mostFailures {
		g = guilt{until: p.Time + leftOut}
		w.cfg.Log.Errorw("the analyzers were ended again and again from one place; it is left out for ten minutes",
			"interface", w.cfg.Name(p.Iface), "address", p.Src.Netip(p.Family).String())
	}
	w.guilty[from] = g
}

// isBanned reports whether a packet is not to be analyzed.
func (w *Worker) isBanned(p *feed.Packet) bool {
	if len(w.banned) == 0 {
		return false
	}
	way := wayOf(p)
	return w.banned[way] || w.banned[way.reverse()] || p.Time < w.guilty[w.originationOf(p, p.Src)].until ||
		p.Time < w.guilty[w.originationOf(p, p.Dst)].until
}

// protocolOf returns the protocol that listens to a packet.
func (w *Worker) protocolOf(p *feed.Packet) string {
	table := w.ready.TCP
	switch p.Proto {
	case packet.ProtoTCP:
	case packet.ProtoUDP:
		table = w.ready.UDP
	default:
		return "icmp"
	}
	if name, ok := table[p.SrcPort]; ok {
		return name
	}
	return table[p.DstPort]
}

// resend gives the packets that the last process had not done with to the new one.
func (w *Worker) resend() error {
	again := w.sent
	w.sent = nil
	for i := range again {
		p := &again[i]
		if w.isBanned(p) {
			w.count(func(s *WorkerStats) { s.Banned++ })
			continue
		}
		w.sent = append(w.sent, *p)
		if err := w.write(p); err != nil {
			w.sent = append(w.sent, again[i+1:]...)
			return err
		}
	}
	return w.process.in.Flush()
}
