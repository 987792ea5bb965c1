package laptop

import (
	"encoding/json"
	"slices"
	"time"
)

// listed is a qube in the form that the sensor reads.
type listed struct {
	Name     string `json:"name"`
	Class    string `json:"class"`
	State    string `json:"state"`
	Label    string `json:"label"`
	NetVM    string `json:"netvm,omitempty"`
	IP       string `json:"ip"`
	XID      int    `json:"xid,omitempty"`
	UUID     string `json:"uuid"`
	Template string `json:"template"`
}

// Inventory returns what dom0 pushes at a time since the start of the capture: the qubes that run
// then. A negative time stands for all that ever run.
//
// The sensor judges an inventory by its own clock, and packets by the time in the capture. On a
// laptop whose clock is ahead, qubes that have ended stay in the list, for their packets would be
// later than the push without them.
func (l *Laptop) Inventory(at time.Duration) []byte {
	var all struct {
		Version int      `json:"version"`
		Qubes   []listed `json:"qubes"`
	}
	all.Version = 1
	for _, q := range l.Qubes {
		ended := q.To < at && l.Skew <= 0
		if at >= 0 && (q.From > at || ended) {
			continue
		}
		template := "debian-13"
		if q.Class == "DispVM" {
			template = "default-dvm"
		}
		all.Qubes = append(all.Qubes, listed{Name: q.Name, Class: q.Class, State: "Running", Label: q.Label, NetVM: "sys-log",
			IP: q.IP.String(), XID: q.XID, UUID: q.UUID, Template: template})
	}
	text, err := json.Marshal(&all)
	if err != nil {
		panic("laptop: inventory: " + err.Error()) // strings and numbers only
	}
	return text
}

// pushDelay is the time from the end of a qube to the push without it. Flows that ended before
// are reported by then or have an earlier time.
const pushDelay = time.Second

// Pushes returns the times since the start of the capture at which dom0 pushes, in order: at the
// start, when a qube comes, and when one has ended.
func (l *Laptop) Pushes() []time.Duration {
	all := []time.Duration{0}
	for _, q := range l.Qubes {
		all = append(all, q.From)
		if q.To < l.conf.Length {
			all = append(all, q.To+pushDelay)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
