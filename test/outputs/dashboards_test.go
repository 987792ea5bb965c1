//go:build linux

package outputs_test

import (
	"archive/zip"
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/qubesbeat/qubesbeat"
	"github.com/qubesbeat/qubesbeat/internal/testbed/panel"
	"github.com/qubesbeat/qubesbeat/test/outputs/servers"
)

// TestElasticsearch_dashboards fills an index with events of all kinds from two sensors
// with qubes of the same names, and with those of the demo from a third, and sends the
// search of each panel of our dashboards. Every panel has rows, every number in it values,
// and no panel makes one qube of two.
func TestElasticsearch_dashboards(t *testing.T) {
	servers.Require(t)
	events := []string{playScene(t, "laptop-a"), playScene(t, "laptop-b")}
	es := servers.StartElasticsearch(t)
	setup(t, es.URL)
	before, lines := es.Fields(t, "qubesbeat-*"), 0
	for _, dir := range events {
		lines += index(t, es, dir)
	}
	if n := es.Count(t, "qubesbeat-*"); n != lines {
		t.Errorf("%d documents of %d events of all kinds", n, lines)
	}
	for name := range es.Fields(t, "qubesbeat-*") {
		if before[name] == "" {
			t.Errorf("the index has a new field %s", name)
		}
	}
	mustRun(t, command(t, demo, elasticsearch(es.URL)+"\nname: laptop-c", replayDemo(t)...))
	es.Count(t, "qubesbeat-*") // which refreshes the index, too
	boards, panels := dashboards(t), 0
	for _, d := range boards {
		for _, p := range d.Panels() {
			panels++
			t.Run(d.ID+"/"+p.Title, func(t *testing.T) { wantRows(t, es, p) })
		}
	}
	t.Logf("%d panels of %d dashboards", panels, len(boards))
	t.Run("two sensors", func(t *testing.T) { wantSensors(t, es, boards) })
	t.Run("renamed", func(t *testing.T) { wantNone(t, es, boards) })
}

// index puts events into the data stream, as they are in a file, and returns their number.
func index(t *testing.T, es *servers.Elasticsearch, dir string) (events int) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no events in %s (%v)", dir, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var body bytes.Buffer
		for line := range bytes.Lines(text) {
			var event map[string]json.RawMessage
			if err := json.Unmarshal(line, &event); err != nil {
				t.Fatal(err)
			}
			delete(event, "@metadata") // of which a data stream knows nothing
			line, err := json.Marshal(event)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&body, "{\"create\":{}}\n%s\n", line)
		}
		events += bytes.Count(text, []byte("\n"))
		bulk(t, es, &body)
	}
	return events
}

// stream is the data stream that `setup` has made.
const stream = "qubesbeat-9.3.0"

func bulk(t *testing.T, es *servers.Elasticsearch, body io.Reader) {
	t.Helper()
	resp, err := http.Post(es.URL+"/"+stream+"/_bulk", "application/x-ndjson", body)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var answer struct {
		Errors bool
		Items  []map[string]struct{ Error json.RawMessage }
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("bulk: %s (%v)", resp.Status, err)
	}
	for _, item := range answer.Items {
		if e := item["create"].Error; e != nil {
			t.Errorf("an event was refused: %s", e)
		}
	}
	t.Logf("%d events of a scene", len(answer.Items))
}

// dashboards returns our own dashboards in the binary.
func dashboards(t *testing.T) (all []*panel.Dashboard) {
	t.Helper()
	d, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	data, err := d.DecodeAll(qubesbeat.Dashboards, nil)
	if err != nil {
		t.Fatal(err)
	}
	archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range archive.File {
		if !strings.HasPrefix(f.Name, "7/dashboard/qubesbeat-") {
			continue
		}
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		one, err := panel.Read(text)
		if err != nil {
			t.Fatalf("%s: %v", f.Name, err)
		}
		all = append(all, one)
	}
	if len(all) != 6 {
		t.Fatalf("%d dashboards; want 6", len(all))
	}
	return all
}

// rows returns the rows of a panel.
func rows(t *testing.T, es *servers.Elasticsearch, p *panel.Panel) []panel.Row {
	t.Helper()
	body, err := p.Search()
	if err != nil {
		t.Fatal(err)
	}
	var answer panel.Answer
	es.Do(t, http.MethodPost, "/qubesbeat-*/_search", body, &answer)
	all, err := p.Rows(&answer)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func wantRows(t *testing.T, es *servers.Elasticsearch, p *panel.Panel) {
	t.Helper()
	all := rows(t, es, p)
	if len(all) == 0 {
		t.Error("no rows")
	}
	if empty := p.Empty(all); len(all) > 0 && len(empty) > 0 {
		t.Errorf("%d rows without a value of %q", len(all), empty)
	}
	t.Logf("%d rows", len(all))
}

// wantSensors checks that in every panel that shows qubes, one that both sensors have is
// two rows.
func wantSensors(t *testing.T, es *servers.Elasticsearch, boards []*panel.Dashboard) {
	checked := map[string]int{}
	for _, d := range boards {
		for _, p := range d.Panels() {
			fields := p.Fields()
			qube, sensor := slices.IndexFunc(fields, isQube), slices.Index(fields, "observer.name")
			if qube < 0 {
				continue
			}
			if sensor < 0 {
				t.Errorf("%s: %s shows qubes without sensors", d.ID, p.Title)
				continue
			}
			seen := map[string]map[string]bool{} // qube to sensors
			for _, r := range rows(t, es, p) {
				if seen[r.Keys[qube]] == nil {
					seen[r.Keys[qube]] = map[string]bool{}
				}
				seen[r.Keys[qube]][r.Keys[sensor]] = true
			}
			both := 0
			for _, sensors := range seen {
				if sensors["laptop-a"] && sensors["laptop-b"] {
					both++
				}
			}
			if both == 0 {
				t.Errorf("%s: %s has no qube of both sensors: %v", d.ID, p.Title, seen)
			}
			checked[d.ID]++
		}
	}
	if len(checked) != len(boards) {
		t.Errorf("dashboards with qubes: %v; want %d", checked, len(boards))
	}
	t.Logf("panels with qubes: %v", checked)
}

// isQube reports whether the values of a field are names of qubes.
func isQube(field string) bool { return field == "qube.name" || field == "source.qube.name" }

// wantNone renames each field of each panel in turn, and wants to see it.
func wantNone(t *testing.T, es *servers.Elasticsearch, boards []*panel.Dashboard) {
	tried := 0
	for _, d := range boards {
		for _, p := range d.Panels() {
			for _, rename := range p.Renames() {
				tried++
				undo := rename.Do()
				all := rows(t, es, p)
				if len(all) > 0 && len(p.Empty(all)) == 0 {
					t.Errorf("%s: %s: %s can be renamed without notice", d.ID, p.Title, rename.Field)
				}
				undo()
			}
		}
	}
	if tried < cmp.Or(len(boards), 1)*10 {
		t.Errorf("only %d fields were renamed", tried)
	}
	t.Logf("%d renamed fields, each noticed", tried)
}
