package beater

import (
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/elastic/beats/v7/libbeat/beat"
	conf "github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/logp"
)

// TestOptions_KeepQuiet is not parallel: the resolver is one for the process.
func TestOptions_KeepQuiet(t *testing.T) {
	usual := net.DefaultResolver
	defer func() { net.DefaultResolver = usual }()
	o := &Options{Flags: &Flags{}}
	o.KeepQuiet()
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
