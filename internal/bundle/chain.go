package bundle

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/packetstore"
)

// line is what a line of the chain says of a segment.
type line struct {
	Number   uint64 `json:"n"`
	Event    string `json:"event"`
	Name     string `json:"name"`
	Bytes    int64  `json:"bytes"`
	First    int64  `json:"first"` // times of packets, Unix nanoseconds
	Last     int64  `json:"last"`
	Segment  string `json:"blake3"`
	Previous string `json:"prev"`
}

// isSealed reports whether the line says what a segment is like.
func (l *line) isSealed() bool {
	return l.Event == packetstore.Sealed || l.Event == packetstore.Repaired
}

// differs reports whether a later line says something else of the same segment: no repair changes it.
func (l *line) differs(later *line) bool {
	return l.Bytes != later.Bytes || l.Segment != "" && later.Segment != "" && l.Segment != later.Segment
}

// overlaps reports whether the segment has packets of a range of time. Zero times are no bounds.
func (l *line) overlaps(from, to time.Time) bool {
	return (to.IsZero() || l.First <= to.UnixNano()) && (from.IsZero() || l.Last >= from.UnixNano())
}

// chain compares the lines of the chain with each other and the last with the anchor, and
// returns what it says first of each segment, by their names.
func (c *Checked) chain() map[string]*line {
	sealed := map[string]*line{}
	before := ""
	for i, raw := range c.Manifest.Chain {
		var l line
		if err := json.Unmarshal([]byte(raw), &l); err != nil {
			c.problem("line %d of the chain cannot be read", i+1)
			continue
		}
		if i > 0 && l.Previous != before {
			c.problem("line %d of the chain does not follow the one before it", l.Number)
		}
		before = Digest([]byte(raw))
		switch was := sealed[l.Name]; {
		case !l.isSealed():
		case was == nil:
			sealed[l.Name] = &l
		case was.differs(&l):
			c.problem("%s was changed between line %d (%s) and line %d (%s) of the chain", l.Name, was.Number, was.Event, l.Number, l.Event)
		}
	}
	if a := c.Manifest.Anchor; a != nil && a.Chain != before {
		c.problem("the chain does not end with the line whose digest the stats event of %s has", a.At.UTC().Format("2006-01-02 15:04:05"))
	}
	return sealed
}

// Digest returns the digest of a line of the chain, as the next line and stats events have
// it.
func Digest(line []byte) string {
	sum := sha256.Sum256(line)
	return hex.EncodeToString(sum[:])
}
