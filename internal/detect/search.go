package detect

import (
	"net/netip"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/behaviour"
	"github.com/qubesbeat/qubesbeat/internal/capture"
	"github.com/qubesbeat/qubesbeat/internal/enrich"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// Search is a message of ARP: a client asks for a neighbour, or the neighbour answers.
type Search struct {
	Client, Neighbour netip.Addr
	FromClient        packet.Direction
	Found             bool // the neighbour has answered
}

// Frame implements [pipeline.FrameTap]: it takes the messages of ARP.
func (f *Feed) Frame(frame *capture.Frame) {
	if frame.EtherType != 0 {
		return
	}
	a, ok := packet.ReadARP(frame.Link, frame.Data)
	if !ok || a.Sender == a.Target || a.Sender.IsUnspecified() { // who announces an address, or looks whether it is free, looks for no one
		return
	}
	s := &Search{Client: a.Sender, Neighbour: a.Target, FromClient: frame.Direction}
	if a.Reply {
		s.Client, s.Neighbour, s.Found, s.FromClient = a.Target, a.Sender, true, frame.Direction.Opposite()
	}
	*f.hold() = Item{At: frame.Time, Iface: frame.Iface, Other: s}
}

// observe implements [Other].
func (s *Search) observe(t *Translator, i *Item) bool {
	if !t.sides(&enrich.Observation{Iface: i.Iface, FromSource: s.FromClient, Source: s.Client, Destination: s.Neighbour, SourceSent: !s.Found, DestSent: s.Found,
		At: time.Unix(0, i.At)}, 0, 0, 0) {
		return false
	}
	t.o.Kind = behaviour.Sought
	if s.Found {
		t.o.Kind = behaviour.Located
	}
	t.name(s.Client, s.Neighbour, i.At, "")
	return true
}
