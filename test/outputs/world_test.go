package outputs_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/cmd"
	"github.com/qubesbeat/qubesbeat/internal/testbed/beat"
	"github.com/qubesbeat/qubesbeat/internal/testbed/fixture"
)

func TestMain(m *testing.M) { beat.Main(m, func() error { return cmd.Root().Execute() }) }

// runTime is much longer than any replay takes.
const runTime = 5 * time.Minute

// demo is a configuration for the demo's capture; its protocols are those of the demo.
const demo = `qubesbeat:
  flows: {timeout: 30s, period: -1s}
  protocols:
    - {type: dns, ports: [53]}
    - {type: http, ports: [80]}
    - {type: tls, ports: [443], send_certificates: false}
    - {type: icmp}
  inventory: {file: HOME/inventory}
`

// command returns a beat with the settings of an output.
func command(t *testing.T, config, output string, args ...string) beat.Command {
	t.Helper()
	home := beat.NewHome(t)
	inventory, err := os.ReadFile(fixture.Repository(t, "demo", "inventory"))
	if err != nil {
		t.Fatal(err)
	}
	beat.Write(t, home, "inventory", string(inventory))
	c := beat.Self(t, "qubesbeat")
	c.Home = home
	c.Args = append(beat.Flags(home, beat.Write(t, home, "qubesbeat.yml", config+output+"\nlogging.to_stderr: true\nlogging.level: warning\n")), args...)
	return c
}

// replayDemo are the arguments that replay the demo's capture.
func replayDemo(t *testing.T) []string {
	return []string{"-t", "-I", fixture.Repository(t, "demo", "qubes.pcapng")}
}

// mustRun runs a beat, which must end well.
func mustRun(t *testing.T, c beat.Command) beat.Result {
	t.Helper()
	r := c.Run(t, runTime)
	if r.Code != 0 {
		t.Fatalf("exit status %d:\n%s", r.Code, r.Stderr)
	}
	return r
}

// setup installs the index template.
func setup(t *testing.T, url string) {
	t.Helper()
	mustRun(t, command(t, demo, elasticsearch(url), "setup", "--index-management"))
}

// elasticsearch returns the settings of the output, with more of them.
func elasticsearch(url string, more ...string) string {
	return "output.elasticsearch: {" + strings.Join(append([]string{"hosts: [\"" + url + "\"]"}, more...), ", ") + "}"
}

// tally counts events by what they are about.
type tally map[string]int

// add counts an event.
func (all tally) add(t *testing.T, text []byte) {
	t.Helper()
	e, err := beat.ParseEvent(text)
	if err != nil {
		t.Fatalf("not an event: %v in %s", err, text)
	}
	if e.Text("type") == "stats" {
		return // its numbers are those of the output
	}
	for _, name := range slices.Sorted(maps.Keys(e)) { // what differs between runs of the same capture
		if strings.HasPrefix(name, "agent.") || strings.HasPrefix(name, "@metadata.") {
			delete(e, name)
		}
	}
	line, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	all[string(line)]++
}

// tallyFiles counts the lines of files.
func tallyFiles(t *testing.T, pattern string) tally {
	t.Helper()
	all := tally{}
	paths, _ := filepath.Glob(pattern)
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(text) {
			all.add(t, line)
		}
	}
	return all
}

// wantDemo replays the demo into a file.
func wantDemo(t *testing.T) tally {
	t.Helper()
	c := command(t, demo, "output.file: {path: HOME/out}", replayDemo(t)...)
	mustRun(t, c)
	all := tallyFiles(t, filepath.Join(c.Home, "out", "*"))
	if len(all) == 0 {
		t.Fatal("the demo has no events")
	}
	return all
}

// compare compares what a server has with what a file has.
func compare(t *testing.T, want, got tally) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events mismatch (-file +server):\n%.5000s", diff)
	}
}
