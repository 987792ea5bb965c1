package qubesdb

import (
	"context"
	"log/slog"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"
)

// Firewall follows the rules of qvm-firewall. Make it with [NewFirewall] and let
// it [Firewall.Run].
type Firewall struct {
	path     string
	log      *slog.Logger
	verdicts atomic.Pointer[map[netip.Addr]Verdict] // nil until they have been read
	reads    atomic.Uint64
	failures atomic.Uint64
	up       atomic.Bool
}

// NewFirewall returns a firewall that reads from the daemon at a path. Until it
// has, it refuses everybody.
func NewFirewall(path string, log *slog.Logger) *Firewall { return &Firewall{path: path, log: log} }

const rulesPrefix = "/qubes-firewall/"

// Load reads the rules of all clients.
func (w *Firewall) Load() error {
	c, err := Dial(w.path)
	if err != nil {
		w.failures.Add(1)
		return err
	}
	defer c.Close()
	all, err := c.ReadAll(rulesPrefix)
	if err != nil {
		w.failures.Add(1)
		return err
	}
	clients := map[netip.Addr]map[string]string{}
	for path, value := range all {
		ip, key, _ := strings.Cut(strings.TrimPrefix(path, rulesPrefix), "/")
		a, err := netip.ParseAddr(ip)
		if err != nil {
			continue
		}
		if clients[a] == nil {
			clients[a] = map[string]string{}
		}
		clients[a][key] = value
	}
	verdicts := make(map[netip.Addr]Verdict, len(clients))
	for a, entries := range clients {
		verdicts[a] = Judge(entries)
	}
	w.verdicts.Store(&verdicts)
	w.reads.Add(1)
	return nil
}

// Run follows the rules until ctx ends. Without the daemon, what was read last
// stays in force, and it tries again.
func (w *Firewall) Run(ctx context.Context) {
	told := false // once, until it was there again
	for ctx.Err() == nil {
		err := w.follow(ctx)
		if w.up.Swap(false) {
			told = false
		}
		if err != nil && ctx.Err() == nil && !told {
			told = true
			w.log.Warn("QubesDB is not reachable; the rules of qvm-firewall that were read last stay in force", "error", err.Error())
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

func (w *Firewall) follow(ctx context.Context) error {
	c, err := Dial(w.path)
	if err != nil {
		return err
	}
	defer c.Close()
	return c.Watch(ctx, rulesPrefix, func(path string) error {
		if path != rulesPrefix && strings.Count(path, "/") != 2 {
			return nil // the rules are complete when the client's own entry is touched
		}
		if err := w.Load(); err != nil {
			return err // and it is tried again, from the start
		}
		w.up.Store(true)
		return nil
	})
}

// Refuses reports whether a client's rules refuse DNS, and why. A client without
// rules is refused: qubes-firewall lets nobody through whom it does not know. The
// machine itself may always ask. It does not allocate.
func (w *Firewall) Refuses(client netip.Addr, tcp bool) (why string, refused bool) {
	if client.IsLoopback() {
		return "", false
	}
	list := w.verdicts.Load()
	if list == nil {
		return "the rules of qvm-firewall have not been read yet", true
	}
	v, ok := (*list)[client]
	if !ok {
		return "qvm-firewall has no rules for this address", true
	}
	if tcp && v.TCP || !tcp && v.UDP {
		return "", false
	}
	return v.Why, true
}

// FirewallStats tells how the firewall is.
type FirewallStats struct {
	Up              bool // the daemon tells of changes
	Clients         uint64
	Reads, Failures uint64
}

// Stats returns the counters.
func (w *Firewall) Stats() FirewallStats {
	s := FirewallStats{Up: w.up.Load(), Reads: w.reads.Load(), Failures: w.failures.Load()}
	if list := w.verdicts.Load(); list != nil {
		s.Clients = uint64(len(*list))
	}
	return s
}
