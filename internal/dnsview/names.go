package dnsview

import (
	"net/netip"
	"sync"
	"time"
)

// Names remembers who was told which address for which name. It is safe for
// concurrent use.
type Names struct {
	mu      sync.Mutex
	clients map[netip.Addr]map[netip.Addr]told // guarded by mu
	size    int                                // guarded by mu: of all clients together
	evicted uint64                             // guarded by mu
	swept   int64                              // guarded by mu: when all were looked through
}

type told struct {
	name  string
	from  int64 // nanoseconds: when the first answer came
	until int64 // when the last one is over, Slack included
}

// Bounds of what is remembered: some 100 bytes for each address.
const (
	maxAddresses   = 65_536
	maxPerClient   = 8192
	maxClientNames = 4096 // clients
)

// Slack is for how long after the end of an answer a connection may still be due
// to it: programs keep addresses longer than they are told.
const Slack = 10 * time.Minute

// NewNames returns an empty memory.
func NewNames() *Names { return &Names{clients: map[netip.Addr]map[netip.Addr]told{}} }

// Heard notes that a client has asked for something at a time in nanoseconds,
// whatever it was told.
func (n *Names) Heard(client netip.Addr, at int64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.list(client, at)
}

// sweepEvery is how often all clients are looked through, by the time of answers.
const sweepEvery = int64(time.Minute)

// sweep forgets what is over, and clients of whom nothing is left: disposables come
// and go all day. It is called with mu held.
func (n *Names) sweep(at int64) {
	if at >= n.swept && at-n.swept < sweepEvery {
		return
	}
	n.swept = at
	for client, list := range n.clients {
		before := len(list)
		for a, t := range list {
			if t.until < at {
				delete(list, a)
			}
		}
		if n.size -= before - len(list); len(list) == 0 {
			delete(n.clients, client)
		}
	}
}

// list returns the addresses of a client, nil where there are too many clients. It
// is called with mu held.
func (n *Names) list(client netip.Addr, at int64) map[netip.Addr]told {
	list := n.clients[client]
	if list == nil && len(n.clients) >= maxClientNames {
		n.sweep(at)
	}
	if list == nil && len(n.clients) < maxClientNames {
		list = map[netip.Addr]told{}
		n.clients[client] = list
	}
	return list
}

// Add notes that a client has been told an address for a name, at a time in
// nanoseconds, for so many seconds.
func (n *Names) Add(client, addr netip.Addr, name string, at int64, ttl uint32) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.size >= maxAddresses {
		n.sweep(at)
	}
	list := n.list(client, at)
	if list == nil {
		return
	}
	old, had := list[addr]
	if !had {
		n.makeRoom(list, at)
		n.size++
		old.from = at
	}
	list[addr] = told{name: name, from: old.from, until: max(old.until, at+int64(ttl)*int64(time.Second)+int64(Slack))}
}

// makeRoom forgets what is over, or else anything, where there is too much of it.
func (n *Names) makeRoom(list map[netip.Addr]told, at int64) {
	if len(list) < maxPerClient && n.size < maxAddresses {
		return
	}
	before := len(list)
	for a, t := range list {
		if t.until < at {
			delete(list, a)
		}
	}
	for a := range list {
		if len(list) < maxPerClient*7/8 && (len(list) < before || n.size < maxAddresses) {
			break
		}
		delete(list, a)
		n.evicted++
	}
	n.size -= before - len(list)
}

// Find returns the name that a client was told an address for, at the time that
// it began to talk to it. known reports whether the client's DNS is known at all:
// of others nobody can say that they go around it.
func (n *Names) Find(client, addr netip.Addr, at int64) (name string, known bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	list := n.clients[client]
	if t, ok := list[addr]; ok && at >= t.from-int64(time.Second) && at <= t.until {
		return t.name, true
	}
	return "", list != nil
}

// NamesStats tells how much is remembered.
type NamesStats struct{ Clients, Addresses, Evicted uint64 }

// Stats returns the numbers.
func (n *Names) Stats() NamesStats {
	n.mu.Lock()
	defer n.mu.Unlock()
	return NamesStats{uint64(len(n.clients)), uint64(n.size), n.evicted}
}
