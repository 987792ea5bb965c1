package beater

import (
	"os"
	"runtime/debug"

	"github.com/qubesbeat/qubesbeat/config"
)

// Parts of memoryLimit, in bytes.
const (
	memoryBase    = 62 << 20 // libbeat, its queue, and some garbage
	memoryLists   = 25 << 20 // two tables of a million names, while one replaces the other
	memoryPerFlow = 220
)

// limitMemory sets from where on garbage is collected more often, unless the user has
// (GOMEMLIMIT). Cache and lists stay in use for long: by Go's own measure the process
// would take twice their size, on a machine of 400 MB.
func limitMemory(c *config.Config) {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit(c))
	}
}

func memoryLimit(c *config.Config) int64 {
	limit := int64(memoryBase + c.Resolver.Cache.SizeMB<<20)
	if len(c.Resolver.Lists) > 0 {
		limit += memoryLists
	}
	if c.Flows.Enabled {
		limit += int64(c.Flows.MaxFlows)*memoryPerFlow + int64(c.Transactions.MaxMemoryMB)<<20
	}
	return limit
}
