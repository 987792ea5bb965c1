package analyzer

import (
	"net"
	"time"

	"github.com/elastic/beats/v7/libbeat/common"
)

// localMaxAge is how old the list of this machine's addresses may be: it changes
// when an uplink or a vif comes or goes.
const localMaxAge = 5 * time.Second

// localIPs returns a function that lists this machine's present addresses without
// those of the loopback, as packetbeat does. The function is not safe for
// concurrent use.
func localIPs() func() []net.IP {
	var known []net.IP
	var read time.Time
	return func() []net.IP {
		if time.Since(read) < localMaxAge {
			return known
		}
		all, err := common.LocalIPAddrs()
		if err != nil {
			return known
		}
		known, read = nil, time.Now()
		for _, a := range all {
			if !a.IsLoopback() {
				known = append(known, a)
			}
		}
		return known
	}
}
