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

// TestElasticsearch_dashboards fills an index with events of all kinds from two sensors,
// and sends the search of each panel of our dashboards. Every panel has rows, and every
// number in it values.
func TestElasticsearch_dashboards(t *testing.T) {
	servers.Require(t)
	events := playScene(t)
	es := servers.StartElasticsearch(t)
	setup(t, es.URL)
	index(t, es, events)
	mustRun(t, command(t, demo, elasticsearch(es.URL)+"\nname: laptop-b", replayDemo(t)...))
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

// index puts events into the data stream, as they are in a file.
func index(t *testing.T, es *servers.Elasticsearch, dir string) {
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
		bulk(t, es, &body)
	}
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
	t.Logf("%d events of laptop-a", len(answer.Items))
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
	if len(all) != 5 {
		t.Fatalf("%d dashboards; want 5", len(all))
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

// find returns a panel by its title.
func find(t *testing.T, boards []*panel.Dashboard, id, title string) *panel.Panel {
	t.Helper()
	for _, d := range boards {
		for _, p := range d.Panels() {
			if d.ID == id && p.Title == title {
				return p
			}
		}
	}
	t.Fatalf("%s has no panel %q", id, title)
	return nil
}

// wantSensors checks that the qube work of two machines is two rows.
func wantSensors(t *testing.T, es *servers.Elasticsearch, boards []*panel.Dashboard) {
	var table, bars []string
	for _, r := range rows(t, es, find(t, boards, "qubesbeat-overview", "Qubes")) {
		table = append(table, strings.Join(r.Keys, " "))
	}
	for _, r := range rows(t, es, find(t, boards, "qubesbeat-overview", "Sent to the world by qube")) {
		bars = append(bars, strings.Join(r.Keys, " "))
	}
	for _, want := range []string{"work laptop-a blue", "work laptop-b blue"} {
		if !slices.Contains(table, want) {
			t.Errorf("the table has no row %q, but %q", want, table)
		}
		if !slices.Contains(bars, want) {
			t.Errorf("the chart has no bar %q, but %q", want, bars)
		}
	}
}

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
