package compat_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/cmd"
	"github.com/qubesbeat/qubesbeat/internal/testbed/beat"
)

func TestMain(m *testing.M) { beat.Main(m, func() error { return cmd.Root().Execute() }) }

// document is an event as it was written, with dotted names; what is the host's
// or ours is left out.
type document beat.Event

// replayTime is much longer than any capture takes, on a busy machine, too.
const replayTime = 2 * time.Minute

// replay runs the beat, under packetbeat's name, over a capture with the given
// configuration below the root, and returns its transactions.
func replay(t *testing.T, config, capture string) []document {
	t.Helper()
	home := beat.NewHome(t)
	file := beat.Write(t, home, "packetbeat.yml", config+"\noutput.file: {path: HOME/out, filename: events}\nlogging.level: error\n")
	c := beat.Self(t, "packetbeat")
	c.Home, c.Args = home, beat.Flags(home, file, "-t", "-I", capture)
	if r := c.Run(t, replayTime); r.Code != 0 {
		t.Fatalf("%s: status %d\n%s%s", capture, r.Code, r.Stdout, r.Stderr)
	}
	return transactions(beat.ReadEvents(t, filepath.Join(home, "out")))
}

// transactions returns those among events.
func transactions(events beat.Events) (docs []document) {
	for _, e := range events {
		if kind := e["type"]; kind != "flow" && kind != "stats" {
			docs = append(docs, newDocument(e))
		}
	}
	return docs
}

// newDocument returns an event without what is ignored.
func newDocument(e beat.Event) document {
	maps.DeleteFunc(e, func(name string, _ any) bool { return ignored(name) })
	return document(e)
}

// ignored reports whether a name is one of those that differ from machine to machine or from run to run,
// as in packetbeat's own comparison, and those that only we have.
func ignored(name string) bool {
	if slices.Contains([]string{"@timestamp", "event.start", "event.end", "event.duration", "ecs.version", "host.name", "host.id", "event.id",
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
