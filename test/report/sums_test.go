package report_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/report"
	"github.com/qubesbeat/qubesbeat/internal/testbed/beat"
	"github.com/qubesbeat/qubesbeat/internal/testbed/fixture"
	"github.com/qubesbeat/qubesbeat/internal/testbed/manyevents"
)

// ours returns per qube flows, bytes out and in, queries, denied queries and refused
// packets, as the report has them.
func ours(tb testing.TB, path string) string {
	tb.Helper()
	lines := []string{}
	for _, r := range table(tb, read(tb, path), "qubes.csv") {
		lines = append(lines, strings.Join([]string{r[0], r[2], r[3], r[4], r[7], r[8], r[9]}, " "))
	}
	return sorted(lines)
}

func sorted(lines []string) string {
	return strings.Join(slices.Sorted(slices.Values(lines)), "\n")
}

// sums are the same in jq and in SQL.
const (
	jqSums = `[.[] | select(.qube)] | group_by(.qube.name)[] | [.[0].qube.name,
	  (map(select(.event.dataset == "flow" and .flow.final)) | length),
	  (map(select(.event.dataset == "flow" and .flow.final) | .source.bytes) | add // 0),
	  (map(select(.event.dataset == "flow" and .flow.final) | .destination.bytes) | add // 0),
	  (map(select(.event.dataset == "qubesbeat.dns") | .qubesbeat.dns.count) | add // 0),
	  (map(select(.event.action == "dns-blocked") | .qubesbeat.dns.count) | add // 0),
	  (map(select(.event.dataset == "qubesbeat.firewall") | .firewall.count) | add // 0)] | map(tostring) | join(" ")`
	sqlSums = `select qube.name, count(*) filter (event.dataset = 'flow' and flow.final),
	  coalesce(sum(source.bytes) filter (event.dataset = 'flow' and flow.final), 0), coalesce(sum(destination.bytes) filter (event.dataset = 'flow' and flow.final), 0),
	  coalesce(sum(qubesbeat.dns.count) filter (event.dataset = 'qubesbeat.dns'), 0), coalesce(sum(qubesbeat.dns.count) filter (event.action = 'dns-blocked'), 0),
	  coalesce(sum(firewall.count) filter (event.dataset = 'qubesbeat.firewall'), 0) from read_json('FILE', format='newline_delimited') where qube is not null group by 1`
)

func TestSums_jq(t *testing.T) {
	t.Parallel()
	jq := need(t, "jq", "apt-get install jq")
	path := events(t, manyevents.Config{Events: 5000, Peers: 2000, Qubes: 12, Seed: 3})
	theirs := output(t, nil, jq, "-r", "-s", jqSums, path)
	if diff := cmp.Diff(sorted(strings.Split(strings.TrimSpace(theirs), "\n")), ours(t, path)); diff != "" {
		t.Errorf("mismatch (-jq +report):\n%s", diff)
	}
}

func TestSums_duckdb(t *testing.T) {
	t.Parallel()
	python := need(t, "python3", "apt-get install python3")
	path := events(t, manyevents.Config{Events: 8000, Peers: 5000, Qubes: 12, Seed: 4})
	script := filepath.Join(t.TempDir(), "sums.py")
	text := "import sys\ntry:\n import duckdb\nexcept ImportError:\n print('absent'); sys.exit()\nfor r in duckdb.sql(\"\"\"" +
		strings.ReplaceAll(sqlSums, "FILE", path) + "\"\"\").fetchall(): print(*r)\n"
	if err := os.WriteFile(script, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	theirs := strings.TrimSpace(output(t, nil, python, script))
	if theirs == "absent" {
		t.Skip("DuckDB is not installed; pip install duckdb")
	}
	if diff := cmp.Diff(sorted(strings.Split(theirs, "\n")), ours(t, path)); diff != "" {
		t.Errorf("mismatch (-DuckDB +report):\n%s", diff)
	}
}

// Sums of peers are those of their qubes, too, whatever was dropped.
func TestSums_peers(t *testing.T) {
	t.Parallel()
	for _, q := range read(t, events(t, manyevents.Config{Events: 30_000, Peers: 1_000_000, Qubes: 5, Seed: 5})).Qubes() {
		if sum := q.Peers.Sum(); sum.Bytes() != q.Bytes() || sum.Flows != q.Flows {
			t.Errorf("%s: %d bytes in peers, %d in all", q.Name, sum.Bytes(), q.Bytes())
		}
	}
}

// The table on the terminal has the same sums, of the demonstration and of a file with delta
// reports, too.
func TestSums_table(t *testing.T) {
	t.Parallel()
	for name, path := range map[string]string{"many": events(t, manyevents.Config{Events: 5000, Peers: 2000, Qubes: 12, Seed: 6}), "demo": demoEvents(t), "delta": deltaEvents(t)} {
		var tally report.Tally
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if err := tally.ReadEvents(path, f); err != nil {
			t.Fatal(err)
		}
		sums := func(name string, flows, out, in, refused uint64) string {
			return fmt.Sprintf("%s: %d flows, %d out, %d in, %d refused", name, flows, out, in, refused)
		}
		var table, html []string
		for _, q := range tally.Qubes() {
			table = append(table, sums(q.Name, uint64(q.Flows), q.Out, q.In, q.Refused))
		}
		for _, q := range read(t, path).Qubes() {
			if q.Name != "" {
				html = append(html, sums(q.Name, q.Flows, q.Out, q.In, q.Refused))
			}
		}
		if diff := cmp.Diff(sorted(table), sorted(html)); diff != "" || len(html) < 6 {
			t.Errorf("%s: %d qubes; mismatch (-table +HTML):\n%s", name, len(html), diff)
		}
	}
}

// deltaEvents returns the path of the events of the demonstration's capture with delta reports.
func deltaEvents(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	output(t, nil, beat.Program(t), "--path.home", dir, "--strict.perms=false", "-c", fixture.Repository(t, "qubesbeat.yml"), "-t", "-I", fixture.Repository(t, "demo", "qubes.pcapng"),
		"-E", "output.file.path="+dir, "-E", "qubesbeat.inventory.file="+fixture.Repository(t, "demo", "inventory"),
		"-E", "qubesbeat.flows.enable_delta_flow_reports=true", "-E", "qubesbeat.flows.period=1s")
	paths, err := filepath.Glob(filepath.Join(dir, "*.ndjson"))
	if err != nil || len(paths) != 1 {
		t.Fatalf("%v, %v; want one file", paths, err)
	}
	return paths[0]
}
