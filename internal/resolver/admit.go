package resolver

import (
	"net/netip"
	"sync"
	"sync/atomic"
)

// peer is what one address has under way. The address is that of the packet:
// what a client says of itself inside would be its own choice.
type peer struct {
	// due is the time, in nanoseconds, at which the bucket is full again: the
	// generic cell rate algorithm, one number for a token bucket.
	due      atomic.Int64
	inFlight atomic.Int32
	conns    atomic.Int32
	refused  atomic.Uint32 // for the rate, since the log last told
	noise    atomic.Uint32 // that was no query, since the log last told
}

// peers are the addresses that have asked lately. It is safe for concurrent use.
type peers struct {
	mu   sync.RWMutex
	list map[netip.Addr]*peer // guarded by mu
}

// maxPeers bounds the addresses. More than a netvm has clients come only from a
// client that lies about its address, which Qubes' firewall drops.
const maxPeers = 8192

func (p *peers) get(a netip.Addr) *peer {
	p.mu.RLock()
	one := p.list[a]
	p.mu.RUnlock()
	if one != nil {
		return one
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if one = p.list[a]; one != nil {
		return one
	}
	if p.list == nil || len(p.list) >= maxPeers {
		p.trim()
	}
	one = new(peer)
	p.list[a] = one
	return one
}

// trim forgets who has nothing under way. It is called with mu held.
func (p *peers) trim() {
	kept := make(map[netip.Addr]*peer, 64)
	for a, one := range p.list {
		if len(kept) < maxPeers/2 && (one.inFlight.Load() > 0 || one.conns.Load() > 0) {
			kept[a] = one
		}
	}
	p.list = kept
}

// within reports whether a query at a time is within the rate, and takes its
// share.
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

// enter counts one in where there is room.
func enter(n *atomic.Int32, limit int) bool {
	if n.Add(1) <= int32(limit) {
		return true
	}
	n.Add(-1)
	return false
}
