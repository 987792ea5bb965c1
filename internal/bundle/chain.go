package bundle

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
)

// line is what a line of the chain says of a segment.
type line struct {
	Number   uint64 `json:"n"`
	Event    string `json:"event"`
	Name     string `json:"name"`
	Segment  string `json:"blake3"`
	Previous string `json:"prev"`
}

// chain compares the lines of the chain with each other and the last with the anchor, and
// returns the digests of segments by their names.
func (c *Checked) chain() map[string]string {
	digests := map[string]string{}
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
		if l.Event == "sealed" || l.Event == "repaired" {
			digests[l.Name] = l.Segment
		}
	}
	if a := c.Manifest.Anchor; a != nil && a.Chain != before {
		c.problem("the chain does not end with the line whose digest the stats event of %s has", a.At.UTC().Format("2006-01-02 15:04:05"))
	}
	return digests
}

// Digest returns the digest of a line of the chain, as the next line and stats events have
// it.
func Digest(line []byte) string {
	sum := sha256.Sum256(line)
	return hex.EncodeToString(sum[:])
}
