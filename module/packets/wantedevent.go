package packets

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/packetstore"
)

// Event is what an event says of the packets that it is about.
type Event struct {
	Qube, Vif   string // "" if unknown, which text from outside must be made harmless
	Key         uint64 // the number at the end of flow.id, 0 if it has none
	CommunityID string
	End         *packetstore.End      // the client of the resolver, nil for events of others
	Info        *packetstore.FlowInfo // its two ends, nil if it does not have both
	From, To    time.Time
	Packets     uint64 // of the flow, 0 if unknown
	Final       bool
}

// document is an event, or one as Elasticsearch returns it.
type document struct {
	fields
	Source *fields `json:"_source"`
}

// fields are those of an event that say which packets are meant.
type fields struct {
	Timestamp time.Time `json:"@timestamp"`
	Event     struct {
		Start, End time.Time
		Dataset    string
	}
	Flow struct {
		ID    string
		Final bool
		ICMP  *struct{ Type, Code uint8 }
		// Tunnel has the ends inside of the tunnel where the event has those of the tunnel.
		Tunnel struct {
			Inner *ends
		}
	}
	Network struct {
		CommunityID string `json:"community_id"`
		Transport   string
		IANANumber  string `json:"iana_number"`
		Packets     uint64
	}
	From end  `json:"source"`
	To   *end `json:"destination"`
	Qube struct {
		Name, Vif string
	}
}

// ends are the two ends of a flow.
type ends struct {
	Transport  string
	IANANumber string `json:"iana_number"`
	Source     end
	Dest       end `json:"destination"`
}

// end is one side of a flow.
type end struct {
	IP   netip.Addr
	Port uint16
}

// event returns what the fields say.
func (d *fields) event() (*Event, error) {
	e := &Event{Qube: d.Qube.Name, Vif: d.Qube.Vif, Key: keyOf(d.Flow.ID), CommunityID: d.Network.CommunityID, Packets: d.Network.Packets, Final: d.Flow.Final}
	if d.Flow.ID != "" && e.Key == 0 {
		return nil, fmt.Errorf("flow.id %q is none of this beat", d.Flow.ID)
	}
	e.Info = d.info()
	e.client(d)
	e.From, e.To = d.Event.Start, d.Event.End
	if e.From.IsZero() {
		e.From = d.Timestamp
	}
	if e.From.IsZero() {
		return nil, errors.New("it has no time: neither event.start nor @timestamp")
	}
	if e.To.Before(e.From) {
		e.To = e.From
	}
	// Events have times in milliseconds.
	e.From, e.To = e.From.Truncate(time.Millisecond), e.To.Truncate(time.Millisecond).Add(time.Millisecond-1)
	return e, nil
}

// queries is the dataset of the resolver's events.
const queries = "qubesbeat.dns"

// client takes, from an event of the resolver, the client for the flow: the client has sent its
// packets to an address that was translated on the way to the resolver.
func (e *Event) client(d *fields) {
	proto, ok := protocol("", d.Network.Transport)
	if d.Event.Dataset != queries || !ok || !d.From.IP.IsValid() || d.From.Port == 0 {
		return
	}
	e.Info, e.CommunityID = nil, ""
	e.End = &packetstore.End{Addr: netip.AddrPortFrom(d.From.IP.Unmap(), d.From.Port), Protocol: proto}
}

// info returns the ends of the flow as the store has them, nil if they are not known.
func (d *fields) info() *packetstore.FlowInfo {
	if d.To == nil {
		return nil
	}
	all := ends{Transport: d.Network.Transport, IANANumber: d.Network.IANANumber, Source: d.From, Dest: *d.To}
	if d.Flow.Tunnel.Inner != nil {
		all = *d.Flow.Tunnel.Inner
	}
	proto, ok := protocol(all.IANANumber, all.Transport)
	if !ok || !all.Source.IP.IsValid() || !all.Dest.IP.IsValid() {
		return nil
	}
	f := &packetstore.FlowInfo{Source: all.Source.IP, Destination: all.Dest.IP, SourcePort: all.Source.Port, DestinationPort: all.Dest.Port, Protocol: proto}
	if i := d.Flow.ICMP; i != nil {
		f.SourcePort, f.DestinationPort = uint16(i.Type), uint16(i.Code)
	}
	return f
}

// protocol returns the IP protocol of an event.
func protocol(number, name string) (proto uint8, ok bool) {
	if n, err := strconv.ParseUint(number, 10, 8); err == nil {
		return uint8(n), true
	}
	proto, ok = map[string]uint8{"tcp": packet.ProtoTCP, "udp": packet.ProtoUDP, "icmp": packet.ProtoICMP, "ipv6-icmp": packet.ProtoICMPv6,
		"sctp": packet.ProtoSCTP}[name]
	return proto, ok
}
