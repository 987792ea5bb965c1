package outputcheck

import (
	"context"
	"fmt"
	"strings"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/beats/v7/libbeat/idxmgmt"
	"github.com/elastic/beats/v7/libbeat/outputs"
	conf "github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/testing"
)

// checkElasticsearch tests the hosts of output.elasticsearch with libbeat's own test,
// then connects as the output does, which asks for the licence, and asks for the
// privileges of the user.
func checkElasticsearch(d *driver, info beat.Info, c *conf.C) error {
	index, err := idxmgmt.DefaultSupport(info, nil)
	if err != nil {
		return fmt.Errorf("output.elasticsearch: %w", err)
	}
	group, err := outputs.Load(index, info, nil, "elasticsearch", c)
	if err != nil {
		return fmt.Errorf("output.elasticsearch: %w", err)
	}
	pattern := indexPattern(info, c)
	for _, client := range group.Clients {
		testable, isTestable := client.(testing.Testable)
		network, isNetwork := client.(outputs.NetworkClient)
		if !isTestable || !isNetwork {
			return fmt.Errorf("output.elasticsearch: %v cannot be tested", client)
		}
		d.host("", func() {
			testable.Test(d)
			d.Fatal("licence", network.Connect(context.Background()))
			d.checkPrivileges(info, c, pattern)
		})
		_ = network.Close()
	}
	return nil
}

// plainAddress returns host and port of the name of libbeat's step, if that is an
// address without TLS.
func plainAddress(step string) string {
	address, ok := strings.CutPrefix(step, "elasticsearch: http://")
	if !ok {
		return ""
	}
	address, _, _ = strings.Cut(address, "/")
	return address
}

// indexPattern returns a pattern for the indices that events go to.
func indexPattern(info beat.Info, c *conf.C) string {
	if index, err := c.String("index", -1); err == nil {
		fixed, _, isFormat := strings.Cut(index, "%{")
		if isFormat {
			return fixed + "*"
		}
		return fixed
	}
	return info.IndexPrefix + "-*"
}
