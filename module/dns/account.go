package dns

import (
	"strings"

	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
	"github.com/qubesbeat/qubesbeat/internal/event"
)

var _ event.Countable = (*Document)(nil) // type check

// Sizes of parts of a query's event, in bytes. TestDocument_Account holds them to what is
// written.
const (
	querySize  = 1320 // without anything below
	answerSize = 25   // without the name and the bytes of the record
	// nameCopies is how often the name is in an event: query, resource, question.name,
	// related.hosts, and in the parts of question.
	nameCopies = 6
	// escapedSize is what a byte that is no printable character takes in the text of a
	// name or of a record: \\000, with the backslash of JSON.
	escapedSize = 5
)

// Account implements [event.Countable].
func (d *Document) Account(a *event.Account) {
	a.Parties, a.Dataset = &d.Parties, "qubesbeat.dns"
	a.Start, a.End = d.At, d.At+d.Duration
	a.Count, a.Name, a.Outcome = uint64(max(d.Entry.Count, 1)), d.name, d.Action.String()
	name := len(d.name) + strings.Count(d.name, `\`)
	a.Size = event.EnvelopeSize + querySize + d.Parties.EventSize() + nameCopies*name + 2*len(d.List) + 2*len(d.rule) + len(d.Err) + d.answersSize(name)
	if d.mixed {
		a.Size += name
	}
}

// answersSize returns about how many bytes the answers take at most. Their owners mostly
// have the name of the question.
func (d *Document) answersSize(name int) (n int) {
	if len(d.Reply) < dnsmsg.HeaderSize {
		return 0
	}
	if _, answers, _, _ := dnsmsg.Counts(d.Reply); answers > 0 {
		n = min(int(answers), maxAnswers) * (answerSize + name)
		for _, c := range d.Reply[min(len(d.Reply), dnsmsg.HeaderSize+len(d.Entry.Name)+4):] {
			if n++; c < ' ' || c > '~' {
				n += escapedSize - 1
			}
		}
	}
	return n
}
