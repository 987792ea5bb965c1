package detect

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/publicsuffix"

	"github.com/qubesbeat/qubesbeat/internal/behaviour"
	"github.com/qubesbeat/qubesbeat/internal/detect"
	"github.com/qubesbeat/qubesbeat/internal/detect/evaluate"
	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/testbed/fixture"
)

// other is how someone else finds what one of our rules does.
type other struct {
	name string
	rule behaviour.Rule
	says func([]detect.Item) bool
}

// others are implemented again, from the documents and sources that docs/detection.md names.
var others = []other{
	{"RITA >= 0.7", behaviour.Beacon, func(items []detect.Item) bool {
		return anyPair(items, func(at, sizes []float64) bool { return ritaScore(at, sizes, 24*3600) >= 0.7 })
	}},
	{"Elastic", behaviour.Beacon, func(items []detect.Item) bool {
		return anyPair(items, func(at, sizes []float64) bool { is, _ := elasticScore(at, sizes, at[len(at)-1]); return is })
	}},
	{"flare > 5 %", behaviour.Beacon, func(items []detect.Item) bool {
		return anyPair(items, func(at, _ []float64) bool { return flareShare(at) > 5 })
	}},
	{"simple-scan", behaviour.Scan, simpleScan},
	{"anomalous-dns", behaviour.DNSTunnel, anomalousDNS},
	{"maltrail", behaviour.DNSTunnel, maltrail},
}

// TestOthers runs what others do over the labelled files, beside ours: -v prints the table.
// Ours may be no worse than any of them in both respects.
func TestOthers(t *testing.T) {
	t.Parallel()
	table := labelled(t)
	files, err := evaluate.ReadSet(fixture.SharedPath(t, "labelled", "files.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	found, alarms := make([]int, len(others)), make([]int, len(others))
	for _, c := range evaluate.Cases(files) {
		items, err := evaluate.Items(&c)
		if err != nil {
			t.Fatal(err)
		}
		for i, o := range others {
			expects := slices.Contains(c.Expect, o.rule)
			if (expects || c.Class == "benign") && o.says(items) {
				if expects {
					found[i]++
				} else {
					alarms[i]++
				}
			}
		}
	}
	var text strings.Builder
	fmt.Fprintf(&text, "%-12s %-14s found of expected, benign files\n", "rule", "who")
	for i, o := range others {
		ours := table.Scores[o.rule]
		fmt.Fprintf(&text, "%-12s %-14s %d/%d %d\n", o.rule, o.name, found[i], ours.Expected, alarms[i])
		fmt.Fprintf(&text, "%-12s %-14s %d/%d %d\n", o.rule, "ours", ours.Found, ours.Expected, ours.Cold[0])
		if found[i] >= ours.Found && alarms[i] < ours.Cold[0] || found[i] > ours.Found && alarms[i] <= ours.Cold[0] {
			t.Errorf("%s finds %d, with %d benign files; we %d, with %d", o.name, found[i], alarms[i], ours.Found, ours.Cold[0])
		}
	}
	t.Logf("\n%s", text.String())
}

// pair is who connects to what.
type pair struct {
	src, dst packet.Addr
	port     uint16
	proto    uint8
}

// anyPair reports whether is holds for the times and sizes, in seconds and bytes, of the
// connections of any pair with four or more.
func anyPair(items []detect.Item, is func(at, sizes []float64) bool) bool {
	at, sizes := map[pair][]float64{}, map[pair][]float64{}
	for i := range items {
		if r, ok := items[i].Other.(*detect.Ended); ok {
			k := pair{r.Source.Addr, r.Destination.Addr, r.Destination.Port, r.Proto}
			sizes[k] = append(sizes[k], float64(r.Source.Bytes))
			at[k] = append(at[k], float64(r.Born)/1e9)
		}
	}
	for k, times := range at {
		slices.Sort(times)
		for i := range times {
			times[i] -= float64(int64(at[k][0]))
		}
		if len(times) >= 4 && is(times, sizes[k]) {
			return true
		}
	}
	return false
}

// simpleScan is Zeek's package: 25 ports of hosts that fail, 250 if a local host asks, within
// a quarter of an hour.
func simpleScan(items []detect.Item) bool {
	waiting, failed := map[pair]int64{}, map[packet.Addr]int{}
	for i := range items {
		switch n := &items[i].Notice; {
		case items[i].Other != nil || n.Midstream || n.Proto != packet.ProtoTCP:
		case n.Kind == flow.Opened:
			waiting[pair{n.Source, n.Destination, n.DestinationPort, n.Proto}] = n.At
		case n.Kind == flow.Answered && !n.Rejected:
			delete(waiting, pair{n.Source, n.Destination, n.DestinationPort, n.Proto})
		}
	}
	for k := range waiting {
		failed[k.src]++
	}
	for src, n := range failed {
		limit := 25
		if src.Netip(4).IsPrivate() {
			limit = 250
		}
		if n >= limit {
			return true
		}
	}
	return false
}

// anomalousDNS is Zeek's package: more than eight names below a domain within an hour, or one
// of more than 90 characters.
func anomalousDNS(items []detect.Item) bool {
	type window struct {
		client netip.Addr
		domain string
		hour   int64
	}
	names := map[window]map[string]bool{}
	return anyQuery(items, func(m *detect.Message, at int64) bool {
		domain, err := publicsuffix.EffectiveTLDPlusOne(m.Name)
		if err != nil {
			domain = m.Name
		}
		w := window{m.Client, domain, at / 3600e9}
		if names[w] == nil {
			names[w] = map[string]bool{}
		}
		names[w][m.Name] = true
		return len(names[w]) > 8 || len(m.Name) > 90
	})
}

// maltrail takes a first label of more than 24 characters without a hyphen for one that carries
// data.
func maltrail(items []detect.Item) bool {
	return anyQuery(items, func(m *detect.Message, _ int64) bool {
		label, _, _ := strings.Cut(m.Name, ".")
		return len(label) > 24 && !strings.Contains(label, "-")
	})
}

// anyQuery reports whether is holds for any query that is not one for an address.
func anyQuery(items []detect.Item, is func(m *detect.Message, at int64) bool) bool {
	for i := range items {
		m, ok := items[i].Other.(*detect.Message)
		if ok && !m.Response && !strings.HasSuffix(m.Name, ".arpa") && !strings.HasPrefix(m.Name, "_") && is(m, items[i].At) {
			return true
		}
	}
	return false
}
