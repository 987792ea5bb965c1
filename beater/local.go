package beater

import (
	"net"
	"net/netip"
	"sync"
	"time"
)

// localFresh is how old the list of this machine's addresses may be.
const localFresh = 5 * time.Second

// localAddress returns a test for this machine's addresses, which are read anew
// every few seconds: they change when an uplink or a vif comes or goes. The test may
// be used by several goroutines.
func localAddress() func(netip.Addr) bool {
	var mu sync.Mutex
	var known map[netip.Addr]bool
	var read time.Time
	return func(a netip.Addr) bool {
		mu.Lock()
		defer mu.Unlock()
		if time.Since(read) > localFresh {
			known, read = ownAddresses(), time.Now()
		}
		return known[a]
	}
}

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
