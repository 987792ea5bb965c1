package bundle

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"slices"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/packetstore"
)

// holder is a qube as segments describe it.
type holder struct {
	Qube        string       `json:"qube"`
	UUID        string       `json:"uuid,omitempty"`
	Label       string       `json:"label,omitempty"`
	Description string       `json:"description,omitempty"`
	Vif         string       `json:"vif,omitempty"`
	Addresses   []netip.Addr `json:"addresses,omitempty"`
	First       time.Time    `json:"first"` // of packets
	Last        time.Time    `json:"last"`
}

// Inventory returns the text of inventory.json: the qube as the segments describe it, an entry
// for each description, in the order of the segments.
func Inventory(segments []packetstore.SealedSegment) ([]byte, error) {
	all := []holder{}
	for i := range segments {
		s := &segments[i]
		h := holder{s.Qube, s.UUID, s.Label, s.Description, s.Vif, s.Addresses, s.First, s.Last}
		at := slices.IndexFunc(all, func(o holder) bool { return o.same(&h) })
		if at < 0 {
			all = append(all, h)
			continue
		}
		if o := &all[at]; h.First.Before(o.First) {
			o.First = h.First
		}
		if o := &all[at]; h.Last.After(o.Last) {
			o.Last = h.Last
		}
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	err := e.Encode(all)
	return b.Bytes(), err
}

// same reports whether two descriptions are the same but for their times.
func (h *holder) same(o *holder) bool {
	return h.Qube == o.Qube && h.UUID == o.UUID && h.Label == o.Label && h.Description == o.Description && h.Vif == o.Vif && slices.Equal(h.Addresses, o.Addresses)
}
