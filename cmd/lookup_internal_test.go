package cmd

import (
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/elastic/beats/v7/libbeat/beat"
	conf "github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/logp"

	"github.com/qubesbeat/qubesbeat/beater"
)

// TestKeepQuiet is not parallel: the resolver is one for the process.
func TestKeepQuiet(t *testing.T) {
	usual := net.DefaultResolver
	defer func() { net.DefaultResolver = usual }()
	o := &beater.Options{Flags: &beater.Flags{}, Configured: keepQuiet()}
	_, err := net.DefaultResolver.LookupCNAME(t.Context(), "sys-log.invalid")
	var dns *net.DNSError
	if !errors.As(err, &dns) || !strings.Contains(dns.Error(), errQuiet.Error()) {
		t.Errorf("LookupCNAME = %v; want %v", err, errQuiet)
	}
	if _, err := o.Processing()(beat.Info{}, logp.NewNopLogger(), conf.NewConfig()); err != nil {
		t.Fatalf("Processing = %v", err)
	}
	if net.DefaultResolver != usual {
		t.Error("the usual resolver is not back after the start")
	}
}
