package dnsview

import (
	"net/netip"
	"sync"
	"time"
)

// Names remembers the names that each client has resolved, by the addresses in the
// answers. All times are nanoseconds since the Unix epoch. It is safe for
// concurrent use.
type Names struct {
	mu      sync.Mutex
	clients map[netip.Addr]map[netip.Addr]answer // guarded by mu; by client, then by address
	size    int                                  // guarded by mu: addresses of all clients
	evicted uint64                               // guarded by mu
	swept   int64                                // guarded by mu: time of the last sweep
}

// answer is the name that a client has resolved to an address.
type answer struct {
	name  string
	from  int64 // time of the first answer
	until int64 // when the last answer expires, Slack included
}

// The bounds of Names. An address takes about 100 bytes.
const (
	maxAddresses = 65_536
	maxPerClient = 8192 // addresses
	maxClients   = 4096
)

// Slack is how long after an answer has expired a connection may still be due to
// it: programs use addresses for longer than the TTL.
const Slack = 10 * time.Minute

// NewNames returns an empty Names.
func NewNames() *Names { return &Names{clients: map[netip.Addr]map[netip.Addr]answer{}} }

// ObserveQuery records that a client has sent a query, whatever the answer: its DNS
// is known from then on.
func (n *Names) ObserveQuery(client netip.Addr, at int64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.list(client, at)
}

// sweepEvery is the least time between two sweeps, by the clock of the answers.
const sweepEvery = int64(time.Minute)

// sweep forgets expired answers and clients that have none left: disposables come
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

// list returns the answers of a client by address, nil if there are too many
// clients. It is called with mu held.
func (n *Names) list(client netip.Addr, at int64) map[netip.Addr]answer {
	list := n.clients[client]
	if list == nil && len(n.clients) >= maxClients {
		n.sweep(at)
	}
	if list == nil && len(n.clients) < maxClients {
		list = map[netip.Addr]answer{}
		n.clients[client] = list
	}
	return list
}

// Add records an answer: client has resolved name to addr, with a TTL in seconds.
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
	until := at + int64(ttl)*int64(time.Second) + int64(Slack)
	list[addr] = answer{name: name, from: old.from, until: max(old.until, until)}
}

// makeRoom forgets a client's expired answers if it or all clients have too many,
// and then, if that is not enough, any of them. It is called with mu held.
func (n *Names) makeRoom(list map[netip.Addr]answer, at int64) {
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

// Find returns the name that a client had resolved to an address when it connected
// to it at the time at. known reports whether the client's DNS has been observed at
// all; if not, a missing name means nothing.
func (n *Names) Find(client, addr netip.Addr, at int64) (name string, known bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	list := n.clients[client]
	if t, ok := list[addr]; ok && at >= t.from-int64(time.Second) && at <= t.until {
		return t.name, true
	}
	return "", list != nil
}

// NamesStats counts the content of a Names, and the answers evicted from it.
type NamesStats struct{ Clients, Addresses, Evicted uint64 }

// Stats returns the counters.
func (n *Names) Stats() NamesStats {
	n.mu.Lock()
	defer n.mu.Unlock()
	return NamesStats{uint64(len(n.clients)), uint64(n.size), n.evicted}
}
