package config

// Parts of [Config.MemoryLimit], in bytes.
const (
	memoryBase    = 62 << 20 // libbeat, its queue, and some garbage
	memoryLists   = 25 << 20 // two tables of a million names, while one replaces the other
	memoryPerFlow = 220
	memoryHellos  = 28 << 20 // hello.MaxBytes
)

// MemoryLimit returns from how many bytes on a beat with a resolver should collect its
// garbage more often. Cache and lists stay in use for long: by Go's own measure the
// process would take twice their size, on a machine of 400 MB.
func (c *Config) MemoryLimit() int64 {
	limit := int64(memoryBase + c.Resolver.Cache.SizeMB<<20)
	if len(c.Resolver.Lists) > 0 {
		limit += memoryLists
	}
	if c.Flows.Enabled && c.Flows.ServerNames {
		limit += memoryHellos
	}
	if c.Flows.Enabled {
		limit += int64(c.Flows.MaxFlows)*memoryPerFlow + int64(c.Transactions.MaxMemoryMB)<<20
	}
	return limit
}
