package publish

import (
	"slices"

	conf "github.com/elastic/elastic-agent-libs/config"
)

// Outputs returns the names of the outputs in a configuration.
func Outputs(c *conf.C) []string {
	out, err := c.Child("output", -1)
	if err != nil {
		return nil
	}
	return out.GetFields()
}

// Has reports whether c, which may be nil, holds a dotted key.
func Has(c *conf.C, key string) bool {
	if c == nil {
		return false
	}
	found, err := c.Has(key, -1)
	return err == nil && found
}

// SaysQueue reports whether c, which may be nil, has settings of libbeat's queue.
func SaysQueue(c *conf.C) bool {
	return c != nil && (c.HasField("queue") || slices.ContainsFunc(Outputs(c), func(output string) bool {
		return Has(c, "output."+output+".queue")
	}))
}
