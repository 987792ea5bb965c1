package dnsview

import (
	"net/netip"
	"sync"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/share"
)

// Names remembers the names that each client has resolved, by the addresses in the
// answers. All times are nanoseconds since the Unix epoch. It is safe for
// concurrent use.
type Names struct {
	owner   func(client netip.Addr, at int64) netip.Addr // nil for the client itself
	mu      sync.Mutex
	clients map[netip.Addr]map[netip.Addr]answer // guarded by mu; by client, then by address
	since   map[netip.Addr]int64                 // guarded by mu: by client, when its DNS was observed first
	room    *share.Pool[netip.Addr]              // guarded by mu: bytes, by client
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

// The bounds of Names. A client may have as much as it leaves free to the others, and
// forgets its own answers beyond that.
const (
	maxBytes     = 8 << 20
	answerSize   = 120  // bytes that an answer takes besides its name
	maxPerClient = 8192 // addresses
	maxClients   = 4096
)

// bytes returns what the answer takes.
func (a *answer) bytes() int { return answerSize + len(a.name) }

// Slack is how long after an answer has expired a connection may still be due to
// it: programs use addresses for longer than the TTL.
const Slack = 10 * time.Minute

// InUse is how long a connection may be quiet: the time after which TCP sends keepalives (RFC 9293
// section 3.8.4).
const InUse = 2 * time.Hour

// NewNames returns an empty Names. owner returns the one address by which a client is known that had
// an address of IPv6 at a time: programs ask for names over one family and connect over the other. It
// must be safe for concurrent use, and may be nil: then each address is a client.
func NewNames(owner func(client netip.Addr, at int64) netip.Addr) *Names {
	return &Names{owner: owner, clients: map[netip.Addr]map[netip.Addr]answer{}, since: map[netip.Addr]int64{}, room: share.NewPool[netip.Addr](maxBytes)}
}

// of returns the address by which a client is known that had an address at a time.
func (n *Names) of(client netip.Addr, at int64) netip.Addr {
	if n.owner == nil || !client.Is6() {
		return client
	}
	return n.owner(client, at)
}

// ObserveQuery records that a client has sent a query, whatever the answer: its DNS
// is known from then on.
func (n *Names) ObserveQuery(client netip.Addr, at int64) {
	client = n.of(client, at)
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
		if n.expire(client, list, at); len(list) == 0 {
			delete(n.clients, client)
			delete(n.since, client)
		}
	}
}

// expire forgets the answers of a client that have expired. It is called with mu held.
func (n *Names) expire(client netip.Addr, list map[netip.Addr]answer, at int64) {
	for a, t := range list {
		if t.until < at {
			n.forget(client, list, a)
		}
	}
}

// forget forgets one answer. It is called with mu held.
func (n *Names) forget(client netip.Addr, list map[netip.Addr]answer, addr netip.Addr) {
	old, had := list[addr]
	if !had {
		return
	}
	n.room.Give(client, old.bytes())
	n.size--
	delete(list, addr)
}

// list returns the answers of a client by address. If there are too many clients, one
// with few answers is forgotten. It is called with mu held.
func (n *Names) list(client netip.Addr, at int64) map[netip.Addr]answer {
	list := n.clients[client]
	if list == nil && len(n.clients) >= maxClients {
		n.sweep(at)
	}
	if list == nil {
		if len(n.clients) >= maxClients {
			n.forgetClient()
		}
		list = map[netip.Addr]answer{}
		n.clients[client], n.since[client] = list, at
	}
	return list
}

// someClients is how many clients are looked at to find one with few answers.
const someClients = 16

// forgetClient forgets the one with the fewest answers of some clients, as map order
// has them: one that has invented its address has none or a few. It is called with mu
// held.
func (n *Names) forgetClient() {
	var least netip.Addr
	looked := 0
	for client, list := range n.clients {
		if looked == 0 || len(list) < len(n.clients[least]) {
			least = client
		}
		if looked++; looked == someClients {
			break
		}
	}
	list := n.clients[least]
	n.evicted += uint64(len(list))
	for a := range list {
		n.forget(least, list, a)
	}
	delete(n.clients, least)
	delete(n.since, least)
}

// Add records an answer: client has resolved name to addr, with a TTL in seconds.
func (n *Names) Add(client, addr netip.Addr, name string, at int64, ttl uint32) {
	client = n.of(client, at)
	n.mu.Lock()
	defer n.mu.Unlock()
	list := n.list(client, at)
	old, had := list[addr]
	if !had {
		old.from = at
	}
	n.forget(client, list, addr)
	until := at + int64(ttl)*int64(time.Second) + int64(Slack)
	next := answer{name: name, from: old.from, until: max(old.until, until)}
	if !n.makeRoom(client, list, at, next.bytes()) {
		n.evicted++
		return
	}
	n.room.Add(client, next.bytes())
	n.size++
	list[addr] = next
}

// makeRoom reports whether a client has room for an answer of some bytes. If not, it
// forgets what has expired, and then an eighth of the client's answers, whichever they
// are. It is called with mu held.
func (n *Names) makeRoom(client netip.Addr, list map[netip.Addr]answer, at int64, bytes int) bool {
	fits := func() bool { return len(list) < maxPerClient && n.room.Fits(client, bytes) }
	if fits() {
		return true
	}
	n.sweep(at)
	if n.clients[client] == nil { // the sweep has forgotten it, as it had no answers left
		n.clients[client], n.since[client] = list, at
	}
	n.expire(client, list, at)
	if fits() {
		return true
	}
	least := len(list) * 7 / 8
	for a := range list {
		if len(list) <= least && fits() {
			break
		}
		n.forget(client, list, a)
		n.evicted++
	}
	return fits()
}

// Find returns the name that a client had resolved to an address when it connected
// to it at the time at. known reports whether the client's DNS has been observed until
// then; if not, a missing name means nothing.
func (n *Names) Find(client, addr netip.Addr, at int64) (name string, known bool) {
	client = n.of(client, at)
	n.mu.Lock()
	defer n.mu.Unlock()
	list := n.clients[client]
	if t, ok := list[addr]; ok && t.at(at) {
		return t.name, true
	}
	return "", n.known(client, at)
}

// known reports whether the DNS of a client has been observed at a time. It is called with mu held.
func (n *Names) known(client netip.Addr, at int64) bool {
	since, ok := n.since[client]
	return ok && since <= at
}

// at reports whether an answer may be what a connection at a time is due to.
func (a *answer) at(at int64) bool { return at >= a.from-int64(time.Second) && at <= a.until }

// Use is Find for a flow that has begun at a time and is alive at another: the name stays with the
// address for InUse from then on. A connection that is quiet for some time is several flows, and
// its program does not ask for the address again.
func (n *Names) Use(client, addr netip.Addr, begun, alive int64) (name string, known bool) {
	client = n.of(client, begun)
	n.mu.Lock()
	defer n.mu.Unlock()
	list := n.clients[client]
	t, ok := list[addr]
	if !ok || !t.at(begun) {
		return "", n.known(client, begun)
	}
	if until := alive + int64(InUse); until-t.until > sweepEvery {
		t.until = until
		list[addr] = t
	}
	return t.name, true
}

// NamesStats counts the content of a Names, and the answers evicted from it.
type NamesStats struct{ Clients, Addresses, Evicted uint64 }

// Stats returns the counters.
func (n *Names) Stats() NamesStats {
	n.mu.Lock()
	defer n.mu.Unlock()
	return NamesStats{uint64(len(n.clients)), uint64(n.size), n.evicted}
}
