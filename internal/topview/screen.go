package topview

import "strings"

// Style is how a piece of a line looks. A terminal without colours shows all but Title and
// Chosen alike.
type Style int

// The styles.
const (
	Plain  Style = iota
	Title        // of columns
	Chosen       // the row that is selected
	Label        // in the colour of the label that Span.Label names
	Warn         // what went wrong
)

// Span is a piece of a line: printable ASCII.
type Span struct {
	Text  string
	Style Style
	Label string // the trust label, for the style Label
}

// Line is a line of the screen.
type Line []Span

// String returns the text of the line.
func (l Line) String() string {
	var b strings.Builder
	for _, s := range l {
		b.WriteString(s.Text)
	}
	return b.String()
}

// clip returns the line in at most width columns.
func (l Line) clip(width int) Line {
	for i := range l {
		if width -= len(l[i].Text); width < 0 {
			l[i].Text = l[i].Text[:max(0, len(l[i].Text)+width)]
			return l[:i+1]
		}
	}
	return l
}

// plain returns a line of one style.
func plain(style Style, text string) Line { return Line{{Text: text, Style: style}} }
