//go:build linux

package dropin_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"

	runner "github.com/qubesbeat/qubesbeat/internal/testbed/beat"
)

// without returns the events of a that b does not have, in what is comparable.
func without(a, b runner.Events) (rest runner.Events) {
	have := map[string]int{}
	for _, e := range b {
		have[comparable(e)]++
	}
	for _, e := range a {
		if text := comparable(e); have[text] > 0 {
			have[text]--
			continue
		}
		rest = append(rest, e)
	}
	return rest
}

// difference is an event of packetbeat's and ours of the same conversation. One
// of them is nil where there is no other.
type difference struct{ theirs, ours event }

// pairUp puts the events together that speak of the same conversation, in the
// order in which they were written.
func pairUp(theirs, ours runner.Events) (all []difference) {
	waiting := map[string]runner.Events{}
	for _, e := range ours {
		waiting[conversation(e)] = append(waiting[conversation(e)], e)
	}
	for _, e := range theirs {
		d := difference{theirs: e}
		if list := waiting[conversation(e)]; len(list) > 0 {
			d.ours, waiting[conversation(e)] = list[0], list[1:]
		}
		all = append(all, d)
	}
	for _, list := range waiting {
		for _, e := range list {
			all = append(all, difference{ours: e})
		}
	}
	return all
}

// conversation names what an event is about, whichever side is its source.
func conversation(e event) string {
	ends := []string{
		fmt.Sprint(e["source.ip"], e["source.port"]), fmt.Sprint(e["destination.ip"], e["destination.port"]),
	}
	slices.Sort(ends)
	return fmt.Sprint(e["type"], ends, e["dns.id"], e["icmp.version"])
}

// kind says in a few words what the difference is, so that equal ones can be
// counted.
func (d difference) kind() string {
	switch {
	case d.ours == nil:
		return fmt.Sprintf("%v of packetbeat only (%v)", d.theirs["type"], d.theirs["error.message"])
	case d.theirs == nil:
		return fmt.Sprintf("%v of qubesbeat only (%v)", d.ours["type"], d.ours["error.message"])
	}
	return fmt.Sprintf("%v differs in %s", d.ours["type"], strings.Join(d.fields(), " "))
}

// added are fields that only qubesbeat has, beside those that say who took part.
var added = []string{"tls.client.alpn", "tls.client.ja4"}

// explanation says why a difference is none to worry about, "" where it is one.
func (d difference) explanation() string {
	if d.theirs == nil || d.ours == nil {
		return ""
	}
	if strings.Contains(fmt.Sprint(d.theirs["error.message"]), "Packet loss") && d.ours["error.message"] == nil {
		return "packetbeat has lost packets, and says so"
	}
	for _, name := range d.fields() {
		if !slices.Contains(added, name) || d.theirs[name] != nil {
			return ""
		}
	}
	return "fields that only qubesbeat has"
}

// interrupted returns the TCP conversations that packetbeat has given up in the
// middle and ours has not. Where a segment overtakes another on the way through
// two processors, or is not captured, packetbeat forgets what it knows of the
// connection, and reports its halves.
func interrupted(differences []difference, ours runner.Events) map[string]bool {
	healthy := map[string]bool{}
	for _, e := range ours {
		if e.Text("network.transport") == "tcp" {
			name := conversation(e)
			was, known := healthy[name]
			healthy[name] = (was || !known) && e.Text("status") == "OK" && e["error.message"] == nil
		}
	}
	broken := map[string]bool{}
	for _, d := range differences {
		if d.explanation() == "" && d.theirs != nil && healthy[conversation(d.theirs)] {
			broken[conversation(d.theirs)] = true
		}
	}
	return broken
}

// fields returns the names of the fields that differ.
func (d difference) fields() (names []string) {
	all := event{}
	maps.Copy(all, d.theirs)
	maps.Copy(all, d.ours)
	for name := range all {
		if !ignored(name) && fmt.Sprint(d.theirs[name]) != fmt.Sprint(d.ours[name]) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// String shows both values of each field that differs.
func (d difference) String() string {
	values := func(e event) map[string]any {
		kept := map[string]any{}
		for _, name := range d.fields() {
			if v, ok := e[name]; ok {
				kept[name] = v
			}
		}
		return kept
	}
	return "(-packetbeat +qubesbeat):\n" + cmp.Diff(values(d.theirs), values(d.ours))
}
