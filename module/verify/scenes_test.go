package verify_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/qubesbeat/qubesbeat/config"
	"github.com/qubesbeat/qubesbeat/internal/inventory"
	judge "github.com/qubesbeat/qubesbeat/internal/verify"
	"github.com/qubesbeat/qubesbeat/module/verify"
)

// scene is a capture that test/qubes/leak has recorded from real programs, with what it is
// expected to show: `go tool mage recordScenes`.
type scene struct {
	Scene     string
	Expect    config.Verify
	Inventory string
	Probes    []judge.Probe
	Want      []string
}

// readScene returns a scene and its inventory.
func readScene(t *testing.T, path string) (*scene, *inventory.Index) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var s scene
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	for i := range s.Expect.Expect {
		if relays := s.Expect.Expect[i].Relays; relays != "" {
			s.Expect.Expect[i].Relays = filepath.Join(filepath.Dir(path), relays)
		}
	}
	snapshot, err := inventory.Parse(strings.NewReader(s.Inventory), inventory.Config{})
	if err != nil {
		t.Fatal(err)
	}
	index := inventory.NewIndex(inventory.Config{})
	index.Update(snapshot, time.Now())
	return &s, index
}

// TestReplay_scenes replays the recorded scenes. With -v it prints the table.
func TestReplay_scenes(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/scenes/*.json")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d scenes, %v", len(files), err)
	}
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "SCENE\tEXPECTED\tGOT")
	for _, file := range files {
		s, index := readScene(t, file)
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		view, err := verify.Replay(t.Context(), &s.Expect, index, strings.TrimSuffix(file, ".json")+".pcapng", s.Probes...)
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		for _, l := range view.Verdicts {
			got[l.Check+" "+l.Subject] = l.Verdict + map[bool]string{true: " contained"}[l.Contained]
		}
		for _, one := range s.Want {
			parts := strings.SplitN(one, " ", 3)
			is := got[parts[0]+" "+parts[1]]
			fmt.Fprintf(w, "%s\t%s\t%s\n", name, one, is)
			if is != parts[2] {
				t.Errorf("%s: %s of %s is %q; want %q", name, parts[0], parts[1], is, parts[2])
			}
		}
	}
	w.Flush()
	t.Logf("%d scenes\n%s", len(files), table.String())
}

// TestReplay_same gives the same verdicts, byte for byte, each time.
func TestReplay_same(t *testing.T) {
	t.Parallel()
	s, index := readScene(t, "testdata/scenes/05-fallback.json")
	var texts [2]string
	for i := range texts {
		view, err := verify.Replay(t.Context(), &s.Expect, index, "testdata/scenes/05-fallback.pcapng")
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(view)
		if err != nil {
			t.Fatal(err)
		}
		texts[i] = string(text)
	}
	if texts[0] != texts[1] {
		t.Errorf("the second time:\n%s\nthe first:\n%s", texts[1], texts[0])
	}
}
