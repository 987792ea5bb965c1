package panel_test

import (
	"archive/zip"
	"bufio"
	"bytes"
	"io"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/qubesbeat/qubesbeat/internal/testbed/fixture"
	"github.com/qubesbeat/qubesbeat/internal/testbed/panel"
)

// pattern is the data view that the files name.
const pattern = "packetbeat-*"

// shipped returns our own dashboards in the binary by the id that their file's name is.
func shipped(t testing.TB) map[string][]byte {
	t.Helper()
	packed, err := os.ReadFile(fixture.Repository(t, "kibana.zip.zst"))
	if err != nil {
		t.Fatal(err)
	}
	d, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	data, err := d.DecodeAll(packed, nil)
	if err != nil {
		t.Fatal(err)
	}
	archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]byte{}
	for _, f := range archive.File {
		id, ok := strings.CutSuffix(path.Base(f.Name), ".json")
		if !ok || !strings.HasPrefix(f.Name, "7/dashboard/qubesbeat-") {
			continue
		}
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if all[id], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// world reads the types of fields from a file that is made of all fields.yml.
func world(t testing.TB, ids []string) *panel.World {
	t.Helper()
	text, err := os.ReadFile(fixture.Repository(t, "module", "transaction", "mapping", "types.txt"))
	if err != nil {
		t.Fatal(err)
	}
	w := &panel.World{Types: map[string]string{}, Pattern: pattern, Dashboards: ids}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		kind, name, _ := strings.Cut(lines.Text(), " ")
		w.Types[name] = kind
	}
	return w
}

// own are the dashboards that there are.
var own = []string{"qubesbeat-dns", "qubesbeat-findings", "qubesbeat-firewall", "qubesbeat-overview", "qubesbeat-sensor", "qubesbeat-verification"}

// TestCheck_shipped holds our dashboards to what every version of Kibana from 8.6 on
// wants of them.
func TestCheck_shipped(t *testing.T) {
	t.Parallel()
	files := shipped(t)
	var ids []string
	for id := range files {
		ids = append(ids, id)
	}
	if slices.Sort(ids); !slices.Equal(ids, own) {
		t.Fatalf("dashboards = %q; want %q", ids, own)
	}
	w := world(t, ids)
	for _, id := range ids {
		d, err := panel.Read(files[id])
		if err != nil {
			t.Errorf("%s: %v", id, err)
			continue
		}
		if d.ID != id {
			t.Errorf("the id of %s is %s", id, d.ID)
		}
		for _, wrong := range w.Check(d) {
			t.Errorf("%s: %s", id, wrong)
		}
		if n := len(d.Panels()); n < 8 {
			t.Errorf("%s has %d panels with a search", id, n)
		}
		for _, p := range d.Panels() {
			if _, err := p.Search(); err != nil {
				t.Errorf("%s: %s: %v", id, p.Title, err)
			}
		}
	}
}
