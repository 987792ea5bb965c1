package cmd

import (
	"context"
	"errors"
	"net"

	"github.com/elastic/beats/v7/libbeat/features"
)

// errQuiet is what a lookup during the start gets.
var errQuiet = errors.New("names are looked up at start only with features.fqdn.enabled")

// keepQuiet makes name lookups fail until restore is called, which is once libbeat has
// read its configuration: see [beater.Options.Configured]. libbeat asks the DNS for this
// machine's own name at every start, even if nothing needs the answer: that reveals the
// name of the logging qube to the network, and delays the start if no server answers.
// /etc/hosts is still read.
func keepQuiet() (restore func()) {
	usual := net.DefaultResolver
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		if features.FQDN() {
			return new(net.Dialer).DialContext(ctx, network, address)
		}
		return nil, errQuiet
	}}
	return func() { net.DefaultResolver = usual }
}
