package evaluate_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/behaviour"
	"github.com/qubesbeat/qubesbeat/internal/detect/evaluate"
)

// TestTable_Write has the rates of each rule, what was missed, and what should not have been
// found.
func TestTable_Write(t *testing.T) {
	t.Parallel()
	found := func(rules ...behaviour.Rule) (list []behaviour.Finding) {
		for i, r := range rules {
			list = append(list, behaviour.Finding{Rule: r, Level: behaviour.Low + behaviour.Level(i%2)})
		}
		return list
	}
	table := &evaluate.Table{Benign: 12 * time.Hour, Scores: []evaluate.Score{{Rule: behaviour.Beacon, Findings: 3, Serious: 1}, {Rule: behaviour.Scan, Findings: 1}},
		Results: []*evaluate.Result{
			{Case: evaluate.Case{File: evaluate.File{Path: "a/b/quiet.pcap", Label: "web", Class: "benign"}}},
			{Case: evaluate.Case{File: evaluate.File{Path: "a/b/loud.pcap", Label: "chat", Class: "benign"}}, Findings: found(behaviour.Scan, behaviour.Scan, behaviour.Beacon)},
			{Case: evaluate.Case{File: evaluate.File{Path: "a/b/rat.pcap", Label: "rat", Class: "mal", Expect: []behaviour.Rule{behaviour.Beacon}}}, Findings: found(behaviour.Scan)},
		}}
	if diff := cmp.Diff([]string{"beacon: b/loud.pcap (chat), low", "scan: b/loud.pcap (chat), medium"}, table.False()); diff != "" {
		t.Errorf("False mismatch (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"beacon: b/rat.pcap (rat)"}, table.Missed()); diff != "" {
		t.Errorf("Missed mismatch (-want +got):\n%s", diff)
	}
	var text strings.Builder
	if err := table.Write(&text); err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(text.String(), "\n") {
		fields := strings.Fields(line)
		if len(fields) < 2 || fields[0] != "beacon" && fields[0] != "scan" {
			continue
		}
		want := map[string][]string{"beacon": {"6.00", "2.00"}, "scan": {"2.00", "0.00"}}[fields[0]]
		if !slices.Equal(fields[len(fields)-2:], want) {
			t.Errorf("%q; want the rates %v", line, want)
		}
	}
	if want := "8.00 findings a day, 2.00 at medium or above"; !strings.Contains(text.String(), want) {
		t.Errorf("%s\nwant %q", text.String(), want)
	}
}
