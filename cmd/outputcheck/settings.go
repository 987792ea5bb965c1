package outputcheck

import (
	"fmt"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/beats/v7/libbeat/outputs"
	conf "github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/transport/tlscommon"
)

// read reads the settings of an output that a check needs, its hosts, and its TLS.
func read(output string, c *conf.C, settings any, info beat.Info) (hosts []string, tls *tlscommon.TLSConfig, err error) {
	var common struct {
		TLS *tlscommon.Config `config:"ssl"`
	}
	for _, s := range []any{settings, &common} {
		if err := c.Unpack(s); err != nil {
			return nil, nil, fmt.Errorf("output.%s: %w", output, err)
		}
	}
	if hosts, err = outputs.ReadHostList(c); err != nil {
		return nil, nil, fmt.Errorf("output.%s.hosts: %w", output, err)
	}
	if tls, err = tlscommon.LoadTLSConfig(common.TLS, info.Logger); err != nil {
		return nil, nil, fmt.Errorf("output.%s.ssl: %w", output, err)
	}
	return hosts, tls, nil
}
