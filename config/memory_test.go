package config_test

import (
	"testing"

	"github.com/qubesbeat/qubesbeat/config"
)

// TestConfig_MemoryLimit leaves room for each part that is in use.
func TestConfig_MemoryLimit(t *testing.T) {
	t.Parallel()
	const mb = 1 << 20
	c := config.Config{}
	for _, tt := range []struct {
		name   string
		change func()
		more   int64
	}{
		{"the base", func() {}, 62 * mb},
		{"cache", func() { c.Resolver.Cache.SizeMB = 32 }, 32 * mb},
		{"lists", func() { c.Resolver.Lists = map[string]config.ResolverList{"ads": {}} }, 25 * mb},
		{"a table that is off", func() { c.Flows.MaxFlows, c.Transactions.MaxMemoryMB = 1000, 64 }, 0},
		{"a table that is on", func() { c.Flows.Enabled = true }, 1000*220 + 64*mb},
		{"ClientHellos", func() { c.Flows.ServerNames = true }, 28 * mb},
	} {
		before := c.MemoryLimit()
		if tt.name == "the base" {
			before = 0
		}
		tt.change()
		if more := c.MemoryLimit() - before; more != tt.more {
			t.Errorf("%s: %d bytes more; want %d", tt.name, more, tt.more)
		}
	}
}
