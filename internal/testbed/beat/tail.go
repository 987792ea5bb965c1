package beat

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// tail is how many lines of the log a failed test shows.
const tail = 40

// Tail returns the last lines of the log, each in short: a failure must not drown in them.
func (b *Beat) Tail() string {
	lines := slices.Collect(strings.Lines(b.Log()))
	var s strings.Builder
	for _, line := range lines[max(0, len(lines)-tail):] {
		s.WriteString(short(line))
	}
	return s.String()
}

// short returns a line of the log without what every line has and without snapshots of
// the metrics. A line that is not JSON stays as it is.
func short(line string) string {
	var fields map[string]any
	if json.Unmarshal([]byte(line), &fields) != nil {
		return line
	}
	flat := Flatten(fields)
	var rest []string
	for name, value := range flat {
		if !slices.ContainsFunc(dull, func(prefix string) bool { return strings.HasPrefix(name, prefix) }) {
			rest = append(rest, fmt.Sprintf("%s=%v", name, value))
		}
	}
	slices.Sort(rest)
	return fmt.Sprintf("%s %s %s: %s %s\n",
		flat.Text("@timestamp"), flat.Text("log.level"), flat.Text("log.logger"), flat.Text("message"), strings.Join(rest, " "))
}

// dull are the fields of a log line that its short form leaves out or has in front.
var dull = []string{"@timestamp", "ecs.", "log.", "message", "monitoring.", "service."}
