package bundle

import (
	"bytes"
	"encoding/json"
	"time"
)

// Names of the entries that every bundle has, in their order. Those of packets follow.
const (
	ReadmeName    = "README.txt"
	ManifestName  = "manifest.json"
	InventoryName = "inventory.json"
	EventsName    = "events.ndjson"
	packetsPrefix = "packets/"
)

// Manifest says what a bundle has. It is the second entry.
type Manifest struct {
	Bundle  int       `json:"bundle"` // version of this description: 1
	Program string    `json:"program"`
	Qube    string    `json:"qube"`
	From    time.Time `json:"from"` // what was asked for; the segments may have more
	To      time.Time `json:"to"`

	Readme string `json:"readme,omitempty"` // SHA-256 of README.txt; "" in older bundles

	Entries []Entry  `json:"entries"`          // all but README.txt and this one, in their order
	Chain   []string `json:"chain"`            // lines of chain.log from that of the first segment on, without their ends
	Anchor  *Anchor  `json:"anchor,omitempty"` // nil if no stats event was found
}

// Entry is a file of a bundle.
type Entry struct {
	Name    string `json:"name"`
	Bytes   int64  `json:"bytes"`
	SHA256  string `json:"sha256"`
	Segment string `json:"segment,omitempty"` // its name in the chain
}

// Anchor is a stats event that has the digest of the last line of the chain in it: if events
// go to another machine, it says the same there.
type Anchor struct {
	At    time.Time `json:"at"`
	Host  string    `json:"host,omitempty"` // observer.name
	Chain string    `json:"chain"`          // stats.packets.chain
}

// encode returns the text of a manifest.
func (m *Manifest) encode() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	err := e.Encode(m)
	return b.Bytes(), err
}
