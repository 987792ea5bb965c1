package resolver

import (
	"bytes"

	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
)

var root = []byte{0}

// zoneOf returns the zone with upstreams of its own that contains a name, or what
// it is rewritten to; nil for none.
func (c *Rules) zoneOf(name []byte) *Zone {
	if len(c.Zones) == 0 {
		return nil
	}
	if alias := c.Rewrites.Apply(name); alias != nil {
		if z := c.longestZone(alias); z != nil {
			return z
		}
	}
	return c.longestZone(name)
}

func (c *Rules) longestZone(name []byte) (best *Zone) {
	for i := range c.Zones {
		z := &c.Zones[i]
		in := dnsmsg.Below(name, z.Name)
		if bytes.Equal(z.Name, root) {
			in = dnsmsg.Labels(name) == 1
		}
		if in && (best == nil || len(z.Name) > len(best.Name)) {
			best = z
		}
	}
	return best
}
