package leaks_test

import (
	"cmp"
	"flag"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/qubesbeat/qubesbeat/cmd"
	"github.com/qubesbeat/qubesbeat/internal/testbed/beat"
)

func TestMain(m *testing.M) {
	_ = flag.Set("test.parallel", "4") // scenes wait for most of the time; -parallel comes after
	beat.Main(m, func() error { return cmd.Root().Execute() })
}

// settings is the configuration of a scene's beat.
func settings(config string) string {
	return fmt.Sprintf("  verify: {enabled: true, %s}\n  flows: {period: -1s, timeout: 30s}\n", config)
}

// wanted is one verdict that a scene asks for.
var wanted = regexp.MustCompile(`^(\S+) (this machine|\S+) (.+)$`)

// check compares the last verdicts with what is wanted: "check subject verdict; ...", and
// returns what there is.
func check(tb testing.TB, events beat.Events, want string) (got string) {
	tb.Helper()
	return compare(tb, verdicts(events), want)
}

// compare compares verdicts by check and subject with what is wanted, and returns what there
// is.
func compare(tb testing.TB, last map[string]verdict, want string) (got string) {
	tb.Helper()
	var all []string
	for one := range strings.SplitSeq(want, "; ") {
		m := wanted.FindStringSubmatch(one)
		if m == nil {
			tb.Fatalf("%q is not a check, a subject and a verdict", one)
		}
		is := last[m[1]+" "+m[2]]
		all = append(all, m[1]+" "+m[2]+" "+cmp.Or(is.verdict, "(unknown from the start: no event)"))
		if is.verdict == "" && (strings.HasPrefix(m[3], "unknown") || strings.HasPrefix(m[3], "not_tested")) {
			continue // as at the start, of which there is no event
		}
		if !slices.Contains(strings.Split(m[3], "|"), is.verdict) {
			tb.Errorf("%s of %s is %q; want %s (%s)", m[1], m[2], is.verdict, m[3], is.reason)
		}
	}
	return strings.Join(all, "; ")
}

// verdict is the last one of a check about a subject.
type verdict struct{ verdict, reason string }

func verdicts(events beat.Events) map[string]verdict {
	last := map[string]verdict{}
	for _, e := range events {
		if e["event.dataset"] != "qubesbeat.verify" {
			continue
		}
		v := verdict{e.Text("verify.verdict"), e.Text("event.reason")}
		if why := e.Text("verify.why"); why != "" {
			v.verdict += "(" + why + ")"
		}
		if e.Flag("verify.contained") {
			v.verdict += " contained"
		}
		last[e.Text("rule.id")+" "+e.Text("verify.subject")] = v
	}
	return last
}
