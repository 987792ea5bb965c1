// Package netstate is a placeholder.
package netstate

import (
	"net"
	"net/netip"
	"sync"
	"time"
)

// Addresses x.
type Addresses struct {
	mu    sync.Mutex
	known map[netip.Addr]bool
	read  time.Time
}

// NewAddresses x.
func NewAddresses() *Addresses { return &Addresses{} }

// Local x.
func (a *Addresses) Local(addr netip.Addr) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if time.Since(a.read) > 5*time.Second {
		a.known, a.read = ownAddresses(), time.Now()
	}
	return a.known[addr]
}

// All x.
func (a *Addresses) All() map[netip.Addr]bool { return ownAddresses() }

func ownAddresses() map[netip.Addr]bool {
	known := map[netip.Addr]bool{}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return known
	}
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			known[p.Addr().Unmap()] = true
		}
	}
	return known
}

// Names x.
type Names struct{ captured func(uint32) string }

// NewNames x.
func NewNames(captured func(uint32) string) *Names { return &Names{captured} }

// Name x.
func (n *Names) Name(index uint32) string {
	if s := n.captured(index); s != "" || index == 0 {
		return s
	}
	i, err := net.InterfaceByIndex(int(index))
	if err != nil {
		return ""
	}
	return i.Name
}
