package htmlreport

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/qubesbeat/qubesbeat/internal/analysis"
	"github.com/qubesbeat/qubesbeat/internal/report"
	"github.com/qubesbeat/qubesbeat/internal/safetext"
)

// Table is a table of the report.
type Table struct {
	Head []string
	// Classes are those of the heads: n for numbers. They are set by finish.
	Classes []string
	Rows    [][]Cell
	// More says what is not in the rows, "" if nothing is missing.
	More string
}

// Cell is a cell of a table. Text and More are harmless.
type Cell struct {
	Text  string
	More  string         // the rest of a long text
	Class string         // of the cell: "" for a text of the report, t for one of an event, s for a sentence of one, n for a number, k for what is kept on one line, d for a date with its time, m for a text of an event in words of which each is kept whole while there is room
	Dot   string         // class of the trust label's dot, "" for none
	Bar   string         // class of a bar's width, "" for none
	Ref   int            // page of the qube, 0 for none
	Odd   bool           // not ASCII alone: letters may look like others
	raw   string         // for CSV
	of    *analysis.Qube // that a cell with its name is about
}

// maxHost is how much of the name of a machine stands beside that of a qube.
const maxHost = 30

// maxRunes is how much of a text is shown at once.
const maxRunes = 100

// text is a text of an event.
func text(s string) Cell { return cutText(s, maxRunes) }

// cutText is a text of an event of which so many characters are shown at once.
func cutText(s string, most int) Cell {
	safe := safetext.Line(s)
	c := Cell{Class: "t", Text: safe, raw: s}
	for i := range safe {
		if safe[i] >= utf8.RuneSelf {
			c.Odd = true
		}
	}
	if utf8.RuneCountInString(safe) > most {
		at := 0
		for range most {
			_, n := utf8.DecodeRuneInString(safe[at:])
			at += n
		}
		c.Text, c.More = safe[:at], safe[at:]
	}
	return c
}

// sentence is a text of an event that needs room.
func sentence(s string) Cell {
	c := cutText(s, 3*maxRunes)
	c.Class = "s"
	return c
}

// short is a text of an event that is kept on one line as long as it is short.
func short(s string) Cell {
	c := text(s)
	if len(c.Text) <= 40 && c.More == "" {
		c.Class = "k"
	}
	return c
}

// word is a text of the report itself.
func word(s string) Cell { return Cell{Text: s, raw: s} }

// spaced is a text of the report itself that needs some room.
func spaced(s string) Cell { return Cell{Text: s, Class: "m", raw: s} }

// number is a number, empty in the table if it is zero.
func number(n uint64) Cell {
	c := Cell{Class: "n", raw: strconv.FormatUint(n, 10)}
	if n > 0 {
		c.Text = report.Count(n)
	}
	return c
}

// size is a number of bytes.
func size(n uint64) Cell {
	return Cell{Class: "n", Text: report.Size(n), raw: strconv.FormatUint(n, 10)}
}

// bar is a bar of part of whole.
func bar(part, whole uint64) Cell {
	w := percent(part, whole)
	return Cell{Bar: "w" + strconv.Itoa(w), raw: strconv.Itoa(w)}
}

// percent returns a part in percent, rounded, but 1 at least if it is any.
func percent(part, whole uint64) int {
	if part == 0 || whole == 0 {
		return 0
	}
	return int(max(1, min(100, float64(part)/float64(whole)*100+0.5)))
}

// heat returns the class of a shade, from h0 to h5.
func heat(part, most uint64) string {
	p := percent(part, most)
	return "h" + strconv.Itoa((p+19)/20)
}

// labelClass returns the class of a label's dot.
func labelClass(label string) string {
	if analysis.LabelIndex(label) < len(analysis.Labels) {
		return "l-" + label
	}
	return "l-other"
}

// when is a time, without its date if all events are of that day.
func (b *builder) when(t time.Time) Cell {
	if t.IsZero() {
		return word("")
	}
	c := Cell{Class: "d", Text: b.stamp(t), raw: t.UTC().Format(time.RFC3339Nano)}
	if rest, ok := strings.CutPrefix(c.Text, b.day+" "); ok && b.day != "" {
		c.Text, c.Class = rest, "k"
	}
	return c
}

// stamp is a time with its date, "" if it is zero.
func (b *builder) stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(b.zone).Format(time.DateTime)
}

// name is the name of a qube with its dot and a link to its page.
func (b *builder) name(q *analysis.Qube) Cell {
	c := short(q.Name)
	switch {
	case q.Others:
		c = word("(other qubes)")
	case q.Name == "":
		c = word("(unknown)")
	}
	c.Dot, c.Ref, c.raw, c.of = labelClass(q.Label), b.pages[q], q.Name, q
	return c
}

// qube is the name of a qube, with that of its machine if there are several.
func (b *builder) qube(q *analysis.Qube) Cell {
	c := b.name(q)
	if !b.manyHosts || q.Others {
		return c
	}
	host := cutText(q.Host, maxHost)
	if host.More != "" {
		host.Text += "…"
	}
	c.Text, c.Odd = c.Text+" @ "+host.Text, c.Odd || host.Odd
	c.Class = "m"
	return c
}

// label is the word of a trust label.
func label(q *analysis.Qube) Cell { return short(q.Label) }

// endpoint is the other side of flows.
func endpoint(p *analysis.Peer) (name, port string) {
	name = p.Name
	if name == "" {
		name = p.IP
	}
	return name, portText(p.Port, p.Transport)
}

func portText(port uint64, transport string) string {
	if port == 0 {
		return transport
	}
	return strings.TrimSuffix(strconv.FormatUint(port, 10)+"/"+transport, "/")
}
