package report_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/testbed/fixture"
	"github.com/qubesbeat/qubesbeat/internal/testbed/manyevents"
)

// blocks returns the code blocks of docs/analysis.md of one language.
func blocks(t *testing.T, language string) (all []string) {
	t.Helper()
	text, err := os.ReadFile(fixture.Repository(t, "docs", "analysis.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		all = append(all, strings.TrimSpace(m[1]))
	}
	return all
}

// documented are events that all questions have an answer in.
func documented(t *testing.T) string {
	t.Helper()
	return events(t, manyevents.Config{Events: 4000, Peers: 2000, Qubes: 6, Seed: 7})
}

// rows returns the lines of a table, with one tab between columns, sorted: rows of equal
// weight are in no order.
func rows(text string) string {
	return sorted(strings.Split(strings.TrimSpace(text), "\n"))
}

// TestDocs_questions asks all questions of jq and DuckDB, which must agree: about many events,
// and about the demonstration's, which are of all kinds.
func TestDocs_questions(t *testing.T) {
	t.Parallel()
	inJQ, inSQL := blocks(t, "jq"), blocks(t, "sql")
	if len(inJQ) != 6 || len(inSQL) != 6 {
		t.Fatalf("%d questions to jq, %d to DuckDB; want 6 of each", len(inJQ), len(inSQL))
	}
	for name, path := range map[string]string{"work": demoEvents(t), "qube-1": documented(t)} {
		for i := range inJQ {
			answer := askJQ(t, strings.ReplaceAll(inJQ[i], `"work"`, `"`+name+`"`), path)
			if answer == "" || strings.Contains(answer, "null") {
				t.Errorf("jq answers %q: %s", answer, inJQ[i])
			}
			theirs := askDuckDB(t, strings.ReplaceAll(inSQL[i], `'work'`, `'`+name+`'`), path)
			if diff := cmp.Diff(answer, theirs); diff != "" && i < 5 { // times differ in form
				t.Errorf("question %d mismatch (-jq +DuckDB):\n%s", i+1, diff)
			}
		}
	}
}

// askJQ asks jq about a file.
func askJQ(t *testing.T, question, path string) string {
	t.Helper()
	return rows(output(t, nil, need(t, "jq", "apt-get install jq"), "-n", "-r", question, path))
}

// askDuckDB asks DuckDB about a file.
func askDuckDB(t *testing.T, question, path string) string {
	t.Helper()
	view := strings.ReplaceAll(blocks(t, "sql view")[0], "events-*.ndjson", path)
	text := "import sys\ntry:\n import duckdb\nexcept ImportError:\n print('absent'); sys.exit()\nc = duckdb.connect()\nc.sql(\"\"\"" + view +
		"\"\"\")\nfor r in c.sql(\"\"\"" + question + "\"\"\").fetchall(): print(*r, sep='\\t')\n"
	answer := rows(output(t, nil, need(t, "python3", "apt-get install python3"), "-c", text))
	if answer == "absent" {
		t.Skip("DuckDB is not installed; pip install duckdb")
	}
	return answer
}

// TestDocs_lnav reads events with the format in packaging/lnav.
func TestDocs_lnav(t *testing.T) {
	t.Parallel()
	lnav := need(t, "lnav", "apt-get install lnav")
	home := t.TempDir()
	formats := filepath.Join(home, ".lnav", "formats", "qubesbeat")
	if err := os.MkdirAll(formats, 0o700); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(fixture.Repository(t, "packaging", "lnav", "qubesbeat.json"))
	if err == nil {
		err = os.WriteFile(filepath.Join(formats, "qubesbeat.json"), data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	path := documented(t)
	out := output(t, []string{"HOME=" + home, "TERM=dumb"}, lnav, "-n", "-c", ";"+strings.Join(blocks(t, "lnav"), " "), path)
	lines := strings.Fields(out)
	ours := table(t, read(t, path), "qubes.csv")
	if len(ours) != 6 {
		t.Fatalf("%d qubes", len(ours))
	}
	for _, r := range ours {
		found := false
		for i := range lines {
			found = found || lines[i] == r[0] && lines[i+1] == add(t, r[3], r[4])
		}
		if !found {
			t.Errorf("%s has not %s bytes:\n%s", r[0], add(t, r[3], r[4]), out)
		}
	}
}

// add returns the sum of two numbers.
func add(t *testing.T, a, b string) string {
	t.Helper()
	x, err := strconv.ParseUint(a, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	y, err := strconv.ParseUint(b, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return strconv.FormatUint(x+y, 10)
}
