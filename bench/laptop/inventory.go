package laptop

import "encoding/json"

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

// Inventory returns what the sensor reads: all qubes that ever run, for a sensor reads the
// inventory of a replay once.
func (l *Laptop) Inventory() []byte {
	var all struct {
		Version int      `json:"version"`
		Qubes   []listed `json:"qubes"`
	}
	all.Version = 1
	for _, q := range l.Qubes {
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
