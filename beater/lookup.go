package beater

import (
	"context"
	"errors"
	"net"

	"github.com/elastic/beats/v7/libbeat/features"
)

// errQuiet is what a lookup during the start gets.
var errQuiet = errors.New("names are looked up at start only with features.fqdn.enabled")

// KeepQuiet makes name lookups fail until libbeat has read its configuration.
// libbeat asks the DNS for this machine's own name at every start, even if nothing
// needs the answer: that discloses the name of the logging qube to the network and
// delays the start if no server answers. /etc/hosts is still read.
// [Options.Processing] is called right after that lookup and before the outputs
// are made, and lifts the silence.
func (o *Options) KeepQuiet() {
	usual := net.DefaultResolver
	o.speak = func() { net.DefaultResolver = usual }
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		if features.FQDN() {
			return new(net.Dialer).DialContext(ctx, network, address)
		}
		return nil, errQuiet
	}}
}
