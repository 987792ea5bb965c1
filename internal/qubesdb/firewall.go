package qubesdb

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/guard"
)

// Firewall follows the rules of qvm-firewall. [Firewall.Run] must run for it to notice
// changes.
type Firewall struct {
	path     string
	log      *slog.Logger
	guard    *guard.Part                              // may be nil
	access   atomic.Pointer[map[netip.Addr]DNSAccess] // nil before the rules were read
	reads    atomic.Uint64
	failures atomic.Uint64
	up       atomic.Bool
}

// NewFirewall returns a firewall that reads from the daemon whose socket is at path. It
// refuses all clients until the rules have been read. part, which may be nil, recovers
// from panics at one answer.
func NewFirewall(path string, log *slog.Logger, part *guard.Part) *Firewall {
	return &Firewall{path: path, log: log, guard: part}
}

// rulesPrefix is the path of the rules: /qubes-firewall/ADDRESS/KEY.
const rulesPrefix = "/qubes-firewall/"

// Load reads the rules of all clients.
func (w *Firewall) Load() error {
	all, err := w.readAll()
	if err != nil {
		w.failures.Add(1)
		return fmt.Errorf("reading the rules of qvm-firewall: %w", err)
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
	access := make(map[netip.Addr]DNSAccess, len(clients))
	for a, entries := range clients {
		access[a] = w.evaluate(entries)
	}
	w.access.Store(&access)
	w.reads.Add(1)
	return nil
}

// evaluate is [EvaluateDNS]. Rules that cause a panic refuse, as others do that are not
// understood.
func (w *Firewall) evaluate(entries map[string]string) (access DNSAccess) {
	input := []byte(fmt.Sprint(entries))
	access = DNSAccess{Why: "the rules of qvm-firewall could not be evaluated"}
	defer w.guard.Recover(&input)
	w.guard.Probe(input)
	return EvaluateDNS(entries)
}

func (w *Firewall) readAll() (map[string]string, error) {
	c, err := Dial(w.path)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return c.ReadAll(rulesPrefix)
}

// retryDelay is the time between two attempts to reach the daemon.
const retryDelay = time.Second

// Run follows the rules until ctx ends. While the daemon cannot be reached, the rules that
// were read last apply, and Run keeps trying, unless it has panicked too often.
func (w *Firewall) Run(ctx context.Context) {
	warned := false // since the daemon was last reachable
	for ctx.Err() == nil && !w.guard.Stopped() {
		var err error
		if panicked := w.guard.Do(nil, func() { err = w.follow(ctx) }); panicked != nil {
			err = panicked // the connection is made again
		}
		if w.up.Swap(false) {
			warned = false
		}
		if err != nil && ctx.Err() == nil && !warned {
			warned = true
			w.log.Warn("QubesDB cannot be reached, keeping the last rules of qvm-firewall", "error", err.Error())
		}
		select {
		case <-ctx.Done():
		case <-time.After(retryDelay):
		}
	}
}

// follow reads the rules whenever they change.
func (w *Firewall) follow(ctx context.Context) error {
	c, err := Dial(w.path)
	if err != nil {
		return err
	}
	defer c.Close()
	return c.Watch(ctx, rulesPrefix, func(path string) error {
		if path != rulesPrefix && strings.Count(path, "/") != 2 {
			return nil // dom0 writes the client's own entry last, when its rules are complete
		}
		if err := w.Load(); err != nil {
			return err // Run tries again
		}
		w.up.Store(true)
		return nil
	})
}

// Refuses reports whether the rules of a client refuse DNS, and why. Clients without rules
// are refused: qubes-firewall drops the packets of unknown clients. The machine itself is
// never refused. Refuses does not allocate and is safe for concurrent use.
func (w *Firewall) Refuses(client netip.Addr, tcp bool) (why string, refused bool) {
	if client.IsLoopback() {
		return "", false
	}
	list := w.access.Load()
	if list == nil {
		return "the rules of qvm-firewall have not been read yet", true
	}
	a, ok := (*list)[client]
	if !ok {
		return "qvm-firewall has no rules for this address", true
	}
	if tcp && a.TCP || !tcp && a.UDP {
		return "", false
	}
	return a.Why, true
}

// FirewallStats is the state of a [Firewall].
type FirewallStats struct {
	Up              bool   // whether the daemon reports changes
	Clients         uint64 // clients with rules
	Reads, Failures uint64
}

// Stats returns the state. It is safe for concurrent use.
func (w *Firewall) Stats() FirewallStats {
	s := FirewallStats{Up: w.up.Load(), Reads: w.reads.Load(), Failures: w.failures.Load()}
	if list := w.access.Load(); list != nil {
		s.Clients = uint64(len(*list))
	}
	return s
}
