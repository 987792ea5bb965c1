package dns_test

import (
	"strings"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/dnsevent"
	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/qube"
	"github.com/qubesbeat/qubesbeat/module/dns"
)

// written returns how many bytes a document takes without the envelope.
func written(d event.Document) int {
	j := event.JSON{Buf: []byte{'{'}, AppendTime: func(b []byte, t time.Time) []byte { return t.AppendFormat(b, "2006-01-02T15:04:05.000Z") }}
	j.AppendFields(d)
	return len(j.Buf)
}

// withAnswers gives an entry a name and answers with the same data.
func withAnswers(name string, data []byte, n int) func(e *dnsevent.Entry) {
	return func(e *dnsevent.Entry) {
		e.Name, _ = dnsmsg.ParseName(nil, name)
		e.Reply = dnsmsg.AppendQuestion(dnsmsg.AppendHeader(nil, 4711, dnsmsg.FlagQR), e.Name, dnsmsg.TypeTXT, dnsmsg.ClassIN)
		for range n {
			e.Reply = dnsmsg.AppendRecord(e.Reply, nil, dnsmsg.TypeTXT, dnsmsg.ClassIN, 60, data)
		}
		dnsmsg.SetCounts(e.Reply, 1, n, 0, 0)
		e.ReplyLen = len(e.Reply)
	}
}

// TestDocument_Account estimates the size of an event well enough to share an output: less
// than what is written by no more than a tenth, whatever the name and the answers.
func TestDocument_Account(t *testing.T) {
	t.Parallel()
	label := strings.Repeat("x", 60)
	long := label + "." + label + "." + label + ".example"
	text := append([]byte{200}, strings.Repeat("t", 200)...)
	binary := append([]byte{200}, strings.Repeat("\x01", 200)...)
	work := &qube.Qube{Name: "work", Class: qube.ClassApp, Label: "blue", NetVM: "sys-log", XID: 7}
	for name, change := range map[string]func(e *dnsevent.Entry){
		"short": func(*dnsevent.Entry) {}, "long name": withAnswers(long, nil, 0), "escaped name": withAnswers(strings.Repeat(`\001`, 60)+"."+strings.Repeat(`\002`, 60)+".example", nil, 0),
		"text": withAnswers("a.example", text, 8), "binary": withAnswers("a.example", binary, 8), "many": withAnswers(long, []byte{1, 'x'}, 40),
	} {
		e := entry(t, change)
		d := dns.NewDocument(e, event.Parties{Interface: "vif7.0", Qube: work, SourceQube: work, Client: e.From.Addr(), Attribution: event.Inventory, Direction: event.Outbound})
		var a event.Account
		d.Account(&a)
		got, want := float64(a.Size-event.EnvelopeSize), float64(written(d))
		if got < 0.9*want || got > 1.25*want {
			t.Errorf("%s: Size = %v; %v are written", name, got, want)
		}
	}
}
