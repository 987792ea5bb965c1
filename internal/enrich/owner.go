package enrich

import (
	"net/netip"
	"time"
)

// Owner returns the IPv4 address of the qube that had an address at a time, in nanoseconds since the
// Unix epoch: the one by which a client is known whichever family it uses. It returns the address
// itself if no qube had it, or one without IPv4.
func (n *Enricher) Owner(a netip.Addr, at int64) netip.Addr {
	if q := n.Qubes.ByAddr(a, time.Unix(0, at)); q != nil && q.IP.IsValid() {
		return q.IP
	}
	return a
}
