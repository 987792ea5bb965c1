package leaks_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/elastic/elastic-agent-libs/config"

	settingsof "github.com/qubesbeat/qubesbeat/config"
	"github.com/qubesbeat/qubesbeat/internal/inventory"
	judge "github.com/qubesbeat/qubesbeat/internal/verify"
	"github.com/qubesbeat/qubesbeat/module/verify"
)

// view returns the verdicts on a capture, which goes with what is beside the recording r.
func view(tb testing.TB, path string, r *recorded) *judge.View {
	tb.Helper()
	name := strings.TrimSuffix(path, ".pcapng")
	c, err := config.NewConfigWithYAML([]byte(strings.ReplaceAll(r.Config, "RELAYS", name+".consensus")), name)
	if err != nil {
		tb.Fatal(err)
	}
	var all struct{ Verify settingsof.Verify }
	if err := c.Unpack(&all); err != nil {
		tb.Fatal(err)
	}
	file, err := os.Open(name + ".inventory")
	if err != nil {
		tb.Fatal(err)
	}
	defer file.Close()
	snapshot, err := inventory.Parse(file, inventory.Config{})
	if err != nil {
		tb.Fatal(err)
	}
	index := inventory.NewIndex(inventory.Config{})
	index.Update(snapshot, time.Now())
	v, err := verify.Replay(tb.Context(), &all.Verify, index, path, r.Probes...)
	if err != nil {
		tb.Fatal(err)
	}
	return v
}

// verdictsOf returns verdicts by check and subject, as check compares them.
func verdictsOf(v *judge.View) map[string]verdict {
	all := map[string]verdict{}
	for _, l := range v.Verdicts {
		text := l.Verdict
		if l.Why != "" {
			text += "(" + l.Why + ")"
		}
		if l.Contained {
			text += " contained"
		}
		all[l.Check+" "+l.Subject] = verdict{text, l.Text}
	}
	return all
}

// recordings returns the paths of all recordings without their extension.
func recordings(tb testing.TB) (names []string) {
	tb.Helper()
	paths, err := filepath.Glob("testdata/*.pcapng")
	if err != nil || len(paths) < 30 {
		tb.Fatalf("%d recordings, %v; go tool mage recordScenes makes them", len(paths), err)
	}
	for _, p := range paths {
		names = append(names, strings.TrimSuffix(p, ".pcapng"))
	}
	return names
}
