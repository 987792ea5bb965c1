package compat_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/qubesbeat/qubesbeat/cmd"
)

// asBeat makes the test binary behave as the beat.
const asBeat = "QUBESBEAT_TEST_AS_BEAT"

func TestMain(m *testing.M) {
	if os.Getenv(asBeat) == "" {
		os.Exit(m.Run())
	}
	if cmd.Root().Execute() != nil {
		os.Exit(1)
	}
}

// document is an event as it was written, with dotted names; what is the host's
// or ours is left out.
type document map[string]any

// replay runs the beat, under packetbeat's name, over a capture with the given
// configuration below the root, and returns its transactions.
func replay(t *testing.T, config, capture string) []document {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "packetbeat.yml")
	config += fmt.Sprintf("\noutput.file: {path: %s, filename: events}\nlogging.level: error\n", filepath.Join(dir, "out"))
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(exe)
	c.Args = []string{"packetbeat", "-c", file, "--path.home", dir, "-t", "-I", capture}
	c.Env = append(os.Environ(), asBeat+"=1")
	if text, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", capture, err, text)
	}
	files, err := filepath.Glob(filepath.Join(dir, "out", "events*"))
	if err != nil {
		t.Fatal(err)
	}
	var docs []document
	for _, f := range files {
		docs = append(docs, transactions(t, f)...)
	}
	return docs
}

// transactions reads those of a file of events.
func transactions(t *testing.T, file string) (docs []document) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var tree map[string]any
		if err := json.Unmarshal(lines.Bytes(), &tree); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if kind := tree["type"]; kind != "flow" && kind != "stats" {
			d := document{}
			d.flatten("", tree)
			docs = append(docs, d)
		}
	}
	return docs
}

func (d document) flatten(prefix string, tree map[string]any) {
	for k, v := range tree {
		name := prefix + k
		if inner, ok := v.(map[string]any); ok {
			d.flatten(name+".", inner)
		} else if !ignored(name) {
			d[name] = v
		}
	}
}

// ignored reports whether a name is one of those that differ from machine to machine or from run to run,
// as in packetbeat's own comparison, and those that only we have.
func ignored(name string) bool {
	if slices.Contains([]string{"@timestamp", "event.start", "event.end", "event.duration", "ecs.version", "host.name",
		"network.direction", "sip.timestamp", "tls.client.ja4", "tls.client.alpn", "tls.client.ech"}, name) {
		return true
	}
	for _, prefix := range []string{"@metadata.", "agent.", "qube.", "source.qube.", "destination.qube.", "observer."} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// String is the document as JSON with ordered names, to compare by.
func (d document) String() string {
	text, err := json.Marshal(d)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// without returns the documents of a that b does not have.
func without(a, b []document) (rest []document) {
	have := map[string]int{}
	for _, d := range b {
		have[d.String()]++
	}
	for _, d := range a {
		if have[d.String()] > 0 {
			have[d.String()]--
			continue
		}
		rest = append(rest, d)
	}
	return rest
}

// differences shows the documents that one side has and the other has not, each
// beside the nearest of the other side.
func differences(theirs, ours []document) string {
	var out strings.Builder
	for _, d := range theirs {
		fmt.Fprintf(&out, "\nwithout counterpart here: %s", nearest(d, ours))
	}
	for _, d := range ours {
		fmt.Fprintf(&out, "\nwithout counterpart there: %s", nearest(d, theirs))
	}
	return out.String()
}

// nearest returns in what d differs from the one of the others that is most like
// it.
func nearest(d document, others []document) string {
	best := fmt.Sprintf("%.300s", d)
	least := len(d)
	for _, o := range others {
		delta := document{}
		for _, name := range slices.Sorted(maps.Keys(merge(d, o))) {
			if a, b := fmt.Sprint(d[name]), fmt.Sprint(o[name]); a != b {
				delta[name] = fmt.Sprintf("%.100s <> %.100s", a, b)
			}
		}
		if len(delta) < least {
			least, best = len(delta), fmt.Sprintf("%.1000s", delta)
		}
	}
	return best
}

func merge(a, b document) document {
	both := maps.Clone(a)
	maps.Copy(both, b)
	return both
}
