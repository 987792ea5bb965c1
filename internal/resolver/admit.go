package resolver

import (
	"maps"
	"net/netip"
	"sync"
	"sync/atomic"
)

// peer is the state of a client: of the source address of its packets, because
// anything inside a message is the client's own choice.
type peer struct {
	// due is when the token bucket is full again, in nanoseconds since the Unix
	// epoch: the generic cell rate algorithm needs this one number.
	due      atomic.Int64
	inFlight atomic.Int32  // queries that wait for upstreams
	overRate atomic.Uint32 // queries dropped since the last report, for the rate
	invalid  atomic.Uint32 // and because they were no queries
}

// peers are the clients that have asked lately. It is safe for concurrent use.
type peers struct {
	mu   sync.RWMutex
	byIP map[netip.Addr]*peer // guarded by mu
}

// maxPeers bounds the clients. A netvm has fewer; more come only from one that
// forges its address, which the firewall of Qubes drops.
const maxPeers = 8192

func (p *peers) get(a netip.Addr) *peer {
	p.mu.RLock()
	one := p.byIP[a]
	p.mu.RUnlock()
	if one != nil {
		return one
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if one = p.byIP[a]; one != nil {
		return one
	}
	if p.byIP == nil || len(p.byIP) >= maxPeers {
		p.trim()
	}
	one = new(peer)
	p.byIP[a] = one
	return one
}

// trim forgets the clients that have nothing under way. It is called with mu held.
func (p *peers) trim() {
	kept := make(map[netip.Addr]*peer, 64)
	for a, one := range p.byIP {
		if len(kept) < maxPeers/2 && one.inFlight.Load() > 0 {
			kept[a] = one
		}
	}
	p.byIP = kept
}

// all returns a copy of the clients.
func (p *peers) all() map[netip.Addr]*peer {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return maps.Clone(p.byIP)
}

// within reports whether a query at the time now, in nanoseconds, is within the
// rate, and counts it then.
func (p *peer) within(now int64, l *Limits) bool {
	if l.Rate <= 0 {
		return true
	}
	each := int64(1e9) / int64(l.Rate)
	slack := each * int64(max(l.Burst, 1))
	for {
		due := p.due.Load()
		next := max(due, now)
		if due > now+slack+1e9 {
			next = now // the clock was set back
		}
		if next += each; next > now+slack {
			return false
		}
		if p.due.CompareAndSwap(due, next) {
			return true
		}
	}
}

// acquire increments n if it is below limit, which n never exceeds.
func acquire(n *atomic.Int32, limit int) bool {
	for {
		have := n.Load()
		if have >= int32(limit) {
			return false
		}
		if n.CompareAndSwap(have, have+1) {
			return true
		}
	}
}
