package analysis

import (
	"cmp"
	"time"
)

// Entry is what a timeline shows of an event. All text is text from outside.
type Entry struct {
	At                              time.Time
	Dataset, Action, Reason         string
	Check                           string // its id and the verdict, of one
	Host, Qube, Label               string
	SourceIP, DestinationIP, FlowID string
	Name                            string // of the destination, or that was asked for
	Port                            uint64
	Transport                       string
	Out, In                         uint64 // bytes that the qube sent and received, of flows
	Count                           uint64
}

// pass passes an event to Each, if it is not one of the many that a timeline has no use
// for: interim reports, and queries that were answered.
func (a *Analysis) pass() {
	l := a.line
	dataset := l.text(fDataset)
	if dataset == "flow" && !l.value(fFinal).IsTrue() || dataset == "qubesbeat.dns" && !isDenied(l.text(fAction)) {
		return
	}
	e := &Entry{At: l.at, Dataset: dataset, Action: l.text(fAction), Reason: l.text(fReason), Host: l.text(fHost), Qube: l.text(fQubeName), Label: l.text(fQubeLabel),
		SourceIP: l.text(fSourceIP), DestinationIP: l.text(fDestinationIP), FlowID: l.text(fFlowID), Transport: l.text(fTransport), Port: l.uint(fDestinationPort),
		Name:  cmp.Or(l.text(fDestinationQube), l.text(fDestinationDomain), l.text(fServerName), l.text(fQuestion)),
		Count: cmp.Or(l.uint(fRefused), l.uint(fFindings), l.uint(fQueries))}
	if dataset == "qubesbeat.verify" {
		e.Check = l.text(fRuleID) + " " + l.text(fVerdict)
	}
	if e.Out, e.In = l.uint(fSourceBytes), l.uint(fDestinationBytes); l.clientIsDestination() {
		e.Out, e.In = e.In, e.Out
	}
	a.conf.Each(e)
}
