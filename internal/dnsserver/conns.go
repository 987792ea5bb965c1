package dnsserver

import (
	"net/netip"
	"sync"
)

// conns counts open connections by the address of the client. The zero value is
// ready for use; it is safe for concurrent use.
type conns struct {
	mu    sync.Mutex
	total int                // guarded by mu, as all below
	of    map[netip.Addr]int // only addresses with connections
}

// enter counts a connection, unless that would exceed a limit.
func (c *conns) enter(a netip.Addr, limit, clientLimit int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.total >= limit || c.of[a] >= clientLimit {
		return false
	}
	if c.of == nil {
		c.of = map[netip.Addr]int{}
	}
	c.total++
	c.of[a]++
	return true
}

func (c *conns) leave(a netip.Addr) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.total--
	if c.of[a]--; c.of[a] <= 0 {
		delete(c.of, a)
	}
}

// open returns the number of connections.
func (c *conns) open() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return uint64(c.total)
}
