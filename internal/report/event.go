package report

import (
	"math"

	"github.com/qubesbeat/qubesbeat/internal/eventfile"
)

// flowEvent holds the fields of an event that the tally reads.
type flowEvent struct {
	Type                string
	Event               struct{ Dataset, Kind, Action string }
	Flow                struct{ Final bool }
	Source, Destination side
	Network             struct{ Transport, Direction string }
	Firewall            struct{ Count uint64 }
	Qube                struct{ Name, Label, IP, Attribution string }
	Summary             summary
	Queries             int
	ServerName          string
}

// side is one side of a flow.
type side struct {
	IP, Domain, Qube string
	Port             int
	Bytes            uint64
}

// summary stands for events that were left out.
type summary struct {
	Dataset                                string
	Events, Count, Spoofed, Sent, Received uint64
	Outcomes                               []outcome
}

type outcome struct {
	Name  string
	Count uint64
}

// Indexes of paths.
const (
	fType = iota
	fDataset
	fKind
	fAction
	fFinal
	fSourceIP
	fSourcePort
	fSourceBytes
	fSourceQube
	fDestinationIP
	fDestinationPort
	fDestinationBytes
	fDestinationQube
	fDestinationDomain
	fTransport
	fDirection
	fRefused
	fQubeName
	fQubeLabel
	fQubeIP
	fAttribution
	fQueries
	fServerName
	fSummary
	fields
)

// paths are the fields that are read.
var paths = [fields]string{
	fType: "type", fDataset: "event.dataset", fKind: "event.kind", fAction: "event.action", fFinal: "flow.final",
	fSourceIP: "source.ip", fSourcePort: "source.port", fSourceBytes: "source.bytes", fSourceQube: "source.qube.name",
	fDestinationIP: "destination.ip", fDestinationPort: "destination.port", fDestinationBytes: "destination.bytes",
	fDestinationQube: "destination.qube.name", fDestinationDomain: "destination.domain", fTransport: "network.transport", fDirection: "network.direction",
	fRefused: "firewall.count", fQubeName: "qube.name", fQubeLabel: "qube.label", fQubeIP: "qube.ip", fAttribution: "qube.attribution",
	fQueries: "qubesbeat.dns.count", fServerName: "tls.client.server_name", fSummary: "summary",
}

// newFlowEvent returns the event of the line that f has read.
func newFlowEvent(f *eventfile.Fields) *flowEvent {
	text := func(i int) string { return f.Value(i).Text() }
	e := &flowEvent{Type: text(fType), Queries: number(f.Value(fQueries)), ServerName: text(fServerName)}
	e.Event.Dataset, e.Event.Kind, e.Event.Action = text(fDataset), text(fKind), text(fAction)
	e.Flow.Final, e.Firewall.Count = f.Value(fFinal).IsTrue(), f.Value(fRefused).Uint()
	e.Source = side{IP: text(fSourceIP), Port: number(f.Value(fSourcePort)), Bytes: f.Value(fSourceBytes).Uint(), Qube: text(fSourceQube)}
	e.Destination = side{IP: text(fDestinationIP), Port: number(f.Value(fDestinationPort)), Bytes: f.Value(fDestinationBytes).Uint(),
		Qube: text(fDestinationQube), Domain: text(fDestinationDomain)}
	e.Network.Transport, e.Network.Direction = text(fTransport), text(fDirection)
	e.Qube.Name, e.Qube.Label, e.Qube.IP, e.Qube.Attribution = text(fQubeName), text(fQubeLabel), text(fQubeIP), text(fAttribution)
	if s := f.Value(fSummary); s.Exists() {
		e.Summary = newSummary(s)
	}
	return e
}

func newSummary(v eventfile.Value) summary {
	s := summary{Dataset: v.Field("dataset").Text(), Events: v.Field("events").Uint(), Count: v.Field("count").Uint(), Spoofed: v.Field("spoofed").Uint(),
		Sent: v.Field("sent").Field("bytes").Uint(), Received: v.Field("received").Field("bytes").Uint()}
	v.Field("outcomes").Each(func(o eventfile.Value) {
		s.Outcomes = append(s.Outcomes, outcome{o.Field("name").Text(), o.Field("count").Uint()})
	})
	return s
}

// number returns a number that fits into an int.
func number(v eventfile.Value) int { return int(min(v.Uint(), math.MaxInt32)) }
