package packetstore

import (
	"time"

	"github.com/qubesbeat/qubesbeat/internal/pcapng"
)

// Why packets are shorter than they were.
const (
	CutBySettings = "snaplen or payload"
	CutByLimit    = "flow_limit"
	CutByPressure = "disk or machine behind"
)

// Cut says how many packets are shorter than on the wire, why, and when they came.
type Cut struct {
	Why         string
	Packets     uint64
	First, Last time.Time
}

// whyCut returns why a packet is shorter than on the wire. most is what the settings of its
// segment store of a packet, 0 if that is all.
func whyCut(p *pcapng.Packet, most int) string {
	switch n := len(p.Data); {
	case most > 0 && n >= most:
		return CutBySettings
	case n == flowCutBytes:
		return CutByLimit
	}
	return CutByPressure
}

// noteCut counts a packet that is shorter than on the wire.
func (c *Copied) noteCut(p *pcapng.Packet, most int) {
	c.Cut++
	why, at := whyCut(p, most), time.Unix(0, p.At).UTC()
	for i := range c.Cuts {
		if one := &c.Cuts[i]; one.Why == why {
			one.add(&Cut{why, 1, at, at})
			return
		}
	}
	c.Cuts = append(c.Cuts, Cut{why, 1, at, at})
}

func (c *Cut) add(o *Cut) {
	c.Packets += o.Packets
	if o.First.Before(c.First) {
		c.First = o.First
	}
	if o.Last.After(c.Last) {
		c.Last = o.Last
	}
}

// most returns how many bytes of a packet the settings of a segment ask for, 0 for all.
func (s *Store) most(g *segment) int {
	switch {
	case g.headers:
		return min(cutBytes, s.conf.Snaplen)
	case s.conf.Snaplen < maxFrame:
		return s.conf.Snaplen
	}
	return 0
}
