package leaks_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/testbed/beat"
	judge "github.com/qubesbeat/qubesbeat/internal/verify"
)

// recorded is what belongs to a recording: the settings, the probes that ran, and the
// verdicts of the live beat.
type recorded struct {
	Config string        `json:"config"`
	Probes []judge.Probe `json:"probes,omitempty"`
	Want   string        `json:"want"`
}

// readRecorded reads what belongs to a recording, of which path is without an extension.
func readRecorded(tb testing.TB, path string) (r recorded) {
	tb.Helper()
	text, err := os.ReadFile(path + ".json")
	if err != nil {
		tb.Fatal(err)
	}
	if err := json.Unmarshal(text, &r); err != nil {
		tb.Fatal(err)
	}
	return r
}

// TestReplay gives the recordings of all scenes the verdicts that they had live.
func TestReplay(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob("testdata/*.pcapng")
	if err != nil || len(paths) < 30 {
		t.Fatalf("%d recordings, %v; go tool mage recordLeaks makes them", len(paths), err)
	}
	got := newTable(t)
	for _, path := range paths {
		name := strings.TrimSuffix(path, ".pcapng")
		t.Run(filepath.Base(name), func(t *testing.T) {
			t.Parallel()
			r := readRecorded(t, name)
			if r.Probes != nil { // no file tells the beat of them
				got.add(t.Name(), r.Want, compare(t, verdictsOf(view(t, path, &r)), r.Want))
				return
			}
			inventory, err := filepath.Abs(name + ".inventory")
			if err != nil {
				t.Fatal(err)
			}
			config := strings.ReplaceAll(r.Config, "RELAYS", strings.TrimSuffix(inventory, ".inventory")+".consensus")
			got.add(t.Name(), r.Want, check(t, replay(t, path, config+"  inventory.file: "+inventory+"\n"), r.Want))
		})
	}
}

// replay returns the events of a recording.
func replay(t *testing.T, path, config string) beat.Events {
	t.Helper()
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	home := beat.NewHome(t)
	file := beat.Write(t, home, "qubesbeat.yml", "qubesbeat:\n"+config+"output.file: {path: HOME/out, filename: events}\nlogging.level: error\n")
	c := beat.Self(t, "qubesbeat")
	c.Home, c.Args = home, beat.Flags(home, file, "-t", "-I", path)
	if r := c.Run(t, time.Minute); r.Code != 0 {
		t.Fatalf("%s: status %d\n%s%s", path, r.Code, r.Stdout, r.Stderr)
	}
	return beat.ReadEvents(t, filepath.Join(home, "out"))
}
