package topview

import "time"

// Snapshot is what a beat has counted until a moment. All counters are totals since it
// started, those of flows excepted.
type Snapshot struct {
	// At is the time of the snapshot, on the clock of the beat.
	At time.Time `json:"at"`
	// Uptime is the time since the beat has started, in nanoseconds. Unlike At it does not
	// jump when the clock is set.
	Uptime time.Duration `json:"uptime"`
	// Seconds is the time that the rates are about, 0 if there are none.
	Seconds float64 `json:"seconds,omitempty"`
	// KernelDrops are the frames that the kernel has dropped, and that nothing here counts.
	KernelDrops uint64 `json:"kernel_drops"`
	// Qubes are those that the beat has seen, in the order of their interfaces.
	Qubes []Qube `json:"qubes"`
}

// Qube is what a beat has counted of one interface, and the qube behind it.
type Qube struct {
	// Interface is the vif, or a client's address if the interface is not known. It is the
	// key of a row: names of qubes come again.
	Interface string `json:"interface"`
	// Name and Label are those of the qube, "" if the inventory does not have it.
	Name  string `json:"name,omitempty"`
	Label string `json:"label,omitempty"`
	// Class, NetVM and Address are what the view of one qube shows, "" if not known.
	Class   string `json:"class,omitempty"`
	NetVM   string `json:"netvm,omitempty"`
	Address string `json:"address,omitempty"`
	// Spoofed reports that the latest address that was looked at is not the qube's.
	Spoofed bool `json:"spoofed,omitempty"`
	// Gone reports that the interface is not captured any more.
	Gone bool `json:"gone,omitempty"`

	// Out is what the qube has sent, In what was sent to it.
	Out Traffic `json:"out"`
	In  Traffic `json:"in"`
	// Flows are live now, Begun have begun. Both are 0 if flows are off.
	Flows int    `json:"flows"`
	Begun uint64 `json:"flows_begun"`
	// DNS are the queries to the resolver, nil if it is off or logs none.
	DNS *DNS `json:"dns,omitempty"`
	// Refused are the packets of the firewall's verdicts, nil if the verdicts are off.
	Refused *uint64 `json:"refused,omitempty"`
	// Findings are those of the beat about the qube.
	Findings uint64 `json:"findings"`
	// Verify is fail, doubt or pass: what the verdicts on the qube come to; "" if there is none.
	Verify string `json:"verify,omitempty"`

	// Top is the peer with most traffic lately, nil if there was none while someone looked.
	Top *Peer `json:"top,omitempty"`
	// Peers are those with most traffic lately, of the qube that was asked for only.
	Peers []Peer `json:"peers,omitempty"`
}

// Traffic is an amount, and its rate if it is known.
type Traffic struct {
	Packets uint64 `json:"packets"`
	Bytes   uint64 `json:"bytes"`
	// Rate is in bytes a second. See [Rates].
	Rate float64 `json:"bytes_per_second"`
}

// DNS are the queries of a qube.
type DNS struct {
	Queries uint64 `json:"queries"`
	Blocked uint64 `json:"blocked"`
}

// Peer is an address that a qube has traffic with. What it counts begins when someone looks.
type Peer struct {
	// Name is what the qube calls it, or the name of another qube; "" if not known.
	Name      string  `json:"name,omitempty"`
	Address   string  `json:"address"`
	Port      uint16  `json:"port,omitempty"` // 0 if there is none, or the peer is a client of the qube
	Transport string  `json:"transport"`
	Out       Traffic `json:"out"`
	In        Traffic `json:"in"`
}
