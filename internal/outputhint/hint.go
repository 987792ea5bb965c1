package outputhint

import (
	"slices"
	"strings"
)

// Hint is the cause of a failure and the next step, each a phrase in lower case without
// a full stop.
type Hint struct {
	// Name is the same for all failures with this cause, such as "wrong password".
	Name  string
	Cause string
	Next  string
}

// String returns the hint in one line.
func (h Hint) String() string { return h.Cause + "; " + h.Next }

// row is a cause, and how it is recognised.
type row struct {
	name string
	// outputs are those that the row is for; none means all.
	outputs []string
	// words are in the text, in lower case, all of them.
	words []string
	// Either may name the output as OUTPUT, which becomes "output.kafka" and the like.
	cause, next string
}

// Find returns the hint for a text, and whether there is one. Output is libbeat's name
// of the output, such as "logstash".
func Find(output, text string) (Hint, bool) {
	text = strings.ToLower(text)
	for _, part := range table() {
		for i := range part {
			if r := &part[i]; r.matches(output, text) {
				keys := strings.NewReplacer("OUTPUT", "output."+output)
				return Hint{Name: r.name, Cause: keys.Replace(r.cause), Next: keys.Replace(r.next)}, true
			}
		}
	}
	return Hint{}, false
}

// table returns the rows in the order in which they are tried: what a server says before
// what its connection does, and narrow rows before wide ones.
func table() [][]row {
	return [][]row{elasticsearchRows, kafkaRows, redisRows, logstashRows, tlsRows, networkRows, closedRows}
}

// matches reports whether a text in lower case has the cause of the row.
func (r *row) matches(output, text string) bool {
	if len(r.outputs) > 0 && !slices.Contains(r.outputs, output) {
		return false
	}
	for _, w := range r.words {
		if !strings.Contains(text, w) {
			return false
		}
	}
	return true
}
