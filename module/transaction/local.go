package transaction

import (
	"net"
	"time"

	"github.com/elastic/beats/v7/libbeat/common"
)

// localFresh is how old the list of this machine's addresses may be: it changes
// when an uplink or a vif comes or goes.
const localFresh = 5 * time.Second

// LocalIPs returns a function that lists this machine's addresses but the
// loopback's, as packetbeat has it, and as they are now. It is for one goroutine.
func LocalIPs() func() []net.IP {
	var known []net.IP
	var read time.Time
	return func() []net.IP {
		if time.Since(read) < localFresh {
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
