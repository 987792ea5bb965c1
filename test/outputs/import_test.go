package outputs_test

import (
	"bufio"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/testbed/beat"
	"github.com/qubesbeat/qubesbeat/test/outputs/servers"
)

// importing is a configuration whose own processing must not reach imported events.
const importing = "processors: [{add_fields: {target: hostile, fields: {a: b}}}]\ntags: [hostile]\n"

// demoFile replays the demo into a file and returns its path, and the number of its lines.
func demoFile(t *testing.T) (path string, lines int) {
	t.Helper()
	c := command(t, demo, "output.file: {path: HOME/out}", replayDemo(t)...)
	mustRun(t, c)
	path = filepath.Join(c.Home, "out", "qubesbeat.ndjson")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return path, strings.Count(string(text), "\n")
}

// importFiles imports files and returns what it says.
func importFiles(t *testing.T, output string, code int, args ...string) string {
	t.Helper()
	r := command(t, importing, output, append([]string{"import", "events"}, args...)...).Run(t, runTime)
	if r.Code != code {
		t.Fatalf("exit status %d; want %d:\n%s", r.Code, code, r.Stderr)
	}
	return r.Stderr
}

// wantSummary fails unless an import has printed a summary.
func wantSummary(t *testing.T, stderr, want string) {
	t.Helper()
	if !regexp.MustCompile(`(?m)^qubesbeat: ` + want + `; [0-9]+ unreadable; `).MatchString(stderr) {
		t.Errorf("no summary %q in:\n%s", want, stderr)
	}
}

// TestElasticsearch_Import stores each event of a file once, as its line says, however
// often the file is imported.
func TestElasticsearch_Import(t *testing.T) {
	servers.Require(t)
	es := servers.StartElasticsearch(t)
	setup(t, es.URL)
	path, n := demoFile(t)
	out := elasticsearch(es.URL)
	wantSummary(t, importFiles(t, out, 0, path), fmt.Sprintf("%d events from 1 file; %d new, 0 were there", n, n))
	compare(t, tallyFiles(t, path), search(t, es, "qubesbeat-import-*"))
	if got := es.Count(t, "qubesbeat-*"); got != n {
		t.Errorf("the pattern of the dashboards finds %d events; want %d", got, n)
	}
	if got := es.Count(t, "qubesbeat-import-2026.11.21"); got == 0 {
		t.Error("no events in the stream of their day")
	}
	again := fmt.Sprintf("%d events from 2 files; 0 new, %d were there", 2*n, 2*n)
	copied := filepath.Join(t.TempDir(), "copy.ndjson")
	if text, err := os.ReadFile(path); err != nil || os.WriteFile(copied, text, 0o600) != nil {
		t.Fatal(err)
	}
	wantSummary(t, importFiles(t, out, 0, path, copied), again)
	var answer struct {
		RolledOver bool `json:"rolled_over"`
	}
	es.Do(t, http.MethodPost, "/qubesbeat-9.3.0/_rollover", nil, &answer)
	if !answer.RolledOver {
		t.Error("the stream of live events was not rolled over")
	}
	wantSummary(t, importFiles(t, out, 0, path, copied), again)
	es.Do(t, http.MethodPost, "/qubesbeat-import-2026.11.21/_rollover", nil, &answer)
	stderr := importFiles(t, out, 1, "--timeout", "30s", path)
	if !answer.RolledOver || !strings.Contains(stderr, "the data stream qubesbeat-import-2026.11.21 was rolled over and has 2 indices") {
		t.Errorf("an import into a stream that was rolled over says:\n%s", stderr)
	}
	if got := es.Count(t, "qubesbeat-import-*"); got != n {
		t.Errorf("%d events after four imports; want %d", got, n)
	}
}

// TestElasticsearch_Import_hostile takes no instruction from a line.
func TestElasticsearch_Import_hostile(t *testing.T) {
	servers.Require(t)
	es := servers.StartElasticsearch(t)
	setup(t, es.URL)
	path, n := demoFile(t)
	importFiles(t, elasticsearch(es.URL), 0, path)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`(?m)^.*"type":"flow".*$`).FindString(string(text))
	e, err := beat.ParseEvent([]byte(line))
	if err != nil {
		t.Fatal(err)
	}
	var answer struct {
		Hits struct {
			Hits []struct {
				ID string `json:"_id"`
			}
		}
	}
	es.Count(t, "qubesbeat-import-*") // which makes them visible
	es.Do(t, http.MethodGet, "/qubesbeat-import-*/_search?q=event.id:"+e.Text("event.id"), nil, &answer)
	if len(answer.Hits.Hits) != 1 {
		t.Fatalf("%d documents of %s", len(answer.Hits.Hits), e.Text("event.id"))
	}
	id := answer.Hits.Hits[0].ID
	hostile, want := "", tally{}
	metadata := []string{`{"op_type":"delete","_id":"ID"}`, `{"op_type":"index","_id":"ID"}`, `{"raw_index":"qubesbeat-hostile"}`, `{"index":"qubesbeat-hostile"}`,
		`{"alias":"qubesbeat-hostile"}`, `{"pipeline":"none"}`, `{"_id":"ID"}`, `"text"`, `null`}
	for i, m := range metadata {
		changed := strings.Replace(line, `"type":"flow"`, fmt.Sprintf(`"type":"flow","labels":{"n":"%d"}`, i), 1)
		changed = regexp.MustCompile(`"@metadata":\{[^}]*\}`).ReplaceAllLiteralString(changed, `"@metadata":`+strings.ReplaceAll(m, "ID", id))
		hostile += changed + "\n"
		want.add(t, regexp.MustCompile(`"@metadata":(\{[^}]*\}|[a-z"]+),`).ReplaceAllLiteral([]byte(changed), nil))
	}
	bad := filepath.Join(t.TempDir(), "hostile.ndjson")
	if err := os.WriteFile(bad, []byte(hostile), 0o600); err != nil {
		t.Fatal(err)
	}
	wantSummary(t, importFiles(t, elasticsearch(es.URL), 0, bad), fmt.Sprintf("%d events from 1 file; %d new, 0 were there", len(metadata), len(metadata)))
	if got := es.Count(t, "qubesbeat-import-*"); got != n+len(metadata) {
		t.Errorf("%d events; want %d", got, n+len(metadata))
	}
	if got := es.CountWhere(t, "qubesbeat-hostile*", "*"); got != 0 {
		t.Errorf("%d events in an index of a line's choice", got)
	}
	for name := range es.Fields(t, "qubesbeat-import-*") {
		if strings.HasPrefix(name, "@metadata") {
			t.Errorf("the index has the field %s", name)
		}
	}
	compare(t, want, search(t, es, "qubesbeat-import-*").only("labels.n"))
}

// only returns the events that have a field.
func (all tally) only(field string) tally {
	some := tally{}
	for line, n := range all {
		if strings.Contains(line, `"`+field+`"`) {
			some[line] = n
		}
	}
	return some
}

// TestElasticsearch_Import_away ends with exit status 1 while the server is away, and
// sends the rest the next time.
func TestElasticsearch_Import_away(t *testing.T) {
	servers.Require(t)
	es := servers.StartElasticsearch(t)
	setup(t, es.URL)
	path, n := demoFile(t)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	half := n / 2
	part := filepath.Join(t.TempDir(), "part.ndjson")
	if err := os.WriteFile(part, []byte(strings.Join(strings.SplitAfter(string(text), "\n")[:half], "")), 0o600); err != nil {
		t.Fatal(err)
	}
	importFiles(t, elasticsearch(es.URL), 0, part)
	es.Kill()
	stderr := importFiles(t, elasticsearch(es.URL), 1, "--timeout", "2s", path)
	wantSummary(t, stderr, fmt.Sprintf("%d events from 1 file; 0 new, 0 were there, %d not delivered", n, n))
	es.Start(t)
	wantSummary(t, importFiles(t, elasticsearch(es.URL), 0, path), fmt.Sprintf("%d events from 1 file; %d new, %d were there", n, n-half, half))
}

// TestRedis_Import gives events to Redis once, with an id and as in their file.
func TestRedis_Import(t *testing.T) {
	path, n := demoFile(t)
	r := servers.StartRedis(t)
	out := fmt.Sprintf(`output.redis: {hosts: ["%s"], key: "of-%%{[qube.name]:none}"}`, r.Address)
	c := command(t, importing, out, "import", "events", path)
	for i, want := range []string{fmt.Sprintf("%d sent, 0 were sent before", n), fmt.Sprintf("0 sent, %d were sent before", n)} {
		res := c.Run(t, runTime)
		if res.Code != 0 {
			t.Fatalf("import %d: exit status %d:\n%s", i, res.Code, res.Stderr)
		}
		wantSummary(t, res.Stderr, fmt.Sprintf("%d events from 1 file; %s", n, want))
	}
	got, ids := tally{}, map[string]bool{}
	for _, key := range r.Keys(t, "of-*") {
		for _, text := range r.List(t, key) {
			got.add(t, []byte(text))
			e, err := beat.ParseEvent([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			ids[e.Text("@metadata._id")] = true
		}
	}
	compare(t, tallyFiles(t, path), got)
	if len(ids) != n {
		t.Errorf("%d different ids of %d events", len(ids), n)
	}
}

// importMemory is how much memory an import may take, in bytes, and importEvents how many
// events it is given.
const (
	importMemory = 150 << 20
	importEvents = 1_000_000
)

// TestImport_memory imports a million different events in bounded memory.
func TestImport_memory(t *testing.T) {
	servers.Require(t)
	path, _ := demoFile(t)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(strings.TrimSuffix(string(text), "\n")+"\n", "\n")
	many := filepath.Join(t.TempDir(), "many.ndjson")
	f, err := os.Create(many)
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriterSize(f, 1<<20)
	for i := range importEvents {
		line := lines[i%(len(lines)-1)]
		fmt.Fprint(w, strings.Replace(line, `"event":{`, fmt.Sprintf(`"event":{"sequence":%d,`, i), 1))
	}
	if err := errors.Join(w.Flush(), f.Close()); err != nil {
		t.Fatal(err)
	}
	b := command(t, importing, "output.discard: {enabled: true}", "import", "events", many).Launch(t)
	if err := b.Err(); err != nil {
		t.Fatalf("%v\n%s", err, b.Tail())
	}
	wantSummary(t, b.Log(), "1,000,000 events from 1 file; 1,000,000 sent, 0 were sent before")
	if peak := b.Peak(); peak > importMemory {
		t.Errorf("%d MiB resident; want at most %d", peak>>20, importMemory>>20)
	} else {
		t.Logf("%d MiB resident at most", peak>>20)
	}
}

// TestElasticsearch_Import_log stores the verdicts of a log once, however often it is
// imported.
func TestElasticsearch_Import_log(t *testing.T) {
	servers.Require(t)
	es := servers.StartElasticsearch(t)
	setup(t, es.URL)
	var text strings.Builder
	const attempts = 300
	for n := range attempts {
		fmt.Fprintf(&text, "2026-11-21T20:%02d:%02d+00:00 sys-log kernel: DROP: IN=vif12.0 OUT=eth0 SRC=10.137.0.6 DST=198.51.100.7 LEN=60 PROTO=TCP SPT=%d DPT=443 SYN\n",
			n/60, n%60, 1024+n)
	}
	path := filepath.Join(t.TempDir(), "kern.log")
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	for i, want := range []int{0, attempts} {
		r := mustRun(t, command(t, demo, elasticsearch(es.URL), "import", "kernel-log", path))
		if line := fmt.Sprintf("%d verdicts of %d packets, from %d lines of 1 file; %d were there", attempts, attempts, attempts, want); !strings.Contains(r.Stderr, line) {
			t.Errorf("import %d: no %q in:\n%s", i, line, r.Stderr)
		}
	}
	if got := es.Count(t, "qubesbeat-import-2026.11.21"); got != attempts {
		t.Errorf("%d verdicts; want %d", got, attempts)
	}
	if got := es.CountWhere(t, "qubesbeat-import-*", "qube.name:work"); got != attempts {
		t.Errorf("%d verdicts of work; want %d", got, attempts)
	}
}
