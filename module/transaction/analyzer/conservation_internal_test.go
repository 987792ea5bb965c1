package analyzer

import (
	"encoding/json"
	"io/fs"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/capture"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// beatsCaptures returns packetbeat's own captures, in order.
func beatsCaptures(tb testing.TB) (paths []string) {
	tb.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/elastic/beats/v7").Output()
	if err != nil {
		tb.Skip("packetbeat's sources were not found: run go mod download")
	}
	root := filepath.Join(strings.TrimSpace(string(out)), "packetbeat/tests/system/pcaps")
	err = filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".pcap") {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil || len(paths) < 50 {
		tb.Fatalf("%d captures in %s: %v", len(paths), root, err)
	}
	return paths
}

// frames calls f for every frame that can be decoded. A capture begins a minute
// after the end of the previous one, so that time never goes back.
func frames(tb testing.TB, paths []string, f func(p *packet.Packet, data []byte)) {
	tb.Helper()
	end := start
	for _, path := range paths {
		file, err := capture.OpenFile(path, nil)
		if err != nil {
			tb.Fatal(err)
		}
		var frame capture.Frame
		var p packet.Packet
		shift, first := int64(0), true
		for file.Next(&frame) == nil {
			if first {
				shift, first = end+int64(time.Minute)-frame.Time, false
			}
			if frame.Decode(&p) != packet.OK {
				continue
			}
			p.Time += shift
			end = max(end, p.Time)
			f(&p, frame.Data)
		}
		if err := file.Close(); err != nil {
			tb.Fatal(err)
		}
	}
}

// analyzed is the result of captures.
type analyzed struct {
	events    []string // sorted
	metrics   map[string]uint64
	wanted    uint64 // unfragmented packets for an analyzer, by the ports
	fragments uint64
}

// analyze sends captures through a service, as a replay does.
func analyze(tb testing.TB, paths []string) (r analyzed) {
	tb.Helper()
	s := startService(tb, everything, 0)
	ports := portsOf(newReal(tb, everything, 0))
	observer := s.service.Observer()
	frames(tb, paths, func(p *packet.Packet, data []byte) {
		switch {
		case p.Fragment != packet.FragmentNone:
			r.fragments++
		case ports.Has(p):
			r.wanted++
		}
		observer.Packet(p, data)
		clear(data) // belongs to the capture
	})
	events, m := s.stop()
	for _, e := range events {
		b, err := json.Marshal(e)
		if err != nil {
			tb.Fatal(err)
		}
		r.events = append(r.events, string(b))
	}
	slices.Sort(r.events)
	r.metrics = m
	return r
}

// TestService_conservation analyzes all of packetbeat's captures: every packet and
// every event is counted once, and the same packets make the same events.
func TestService_conservation(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("analyzes all captures of packetbeat twice; run without -short")
	}
	paths := beatsCaptures(t)
	one, two := analyze(t, paths), analyze(t, paths)
	if diff := cmp.Diff(one.events, two.events); diff != "" {
		t.Errorf("the events of a second run mismatch (-first +second):\n%.3000s", diff)
	}
	m := one.metrics
	entered := m["queued"] + m["malformed"]
	if one.wanted == 0 || one.wanted+m["datagrams_reassembled"] < entered || one.wanted > entered {
		t.Errorf("%d packets and %d reassembled datagrams were wanted; %d were queued", one.wanted, m["datagrams_reassembled"], entered)
	}
	checkZero(t, m, "queue_dropped", "lost", "failures", "quarantined", "refused", "live", "memory", "evicted", "dropped", "waiting")
	if sum := m["packets"] + m["duplicates"] + m["spoofed_packets"]; sum != m["queued"] || m["connections"] == 0 {
		t.Errorf("%d packets were queued, %d counted, on %d connections", m["queued"], sum, m["connections"])
	}
	if n := uint64(len(one.events)); m["reported"] != n || m["published"] != n {
		t.Errorf("%d events were reported and %d published; want %d", m["reported"], m["published"], n)
	}
	t.Logf("%d captures, %d events, %v", len(paths), len(one.events), m)
	// The pinned memcache.go:310 slices beyond a capacity, with maxvalues.
	if n := m["panics"] - m["panics_memcache"]; n != 0 {
		t.Errorf("%d panics in other analyzers than memcache: %v", n, m)
	}
}

// checkZero checks that counters are 0.
func checkZero(tb testing.TB, m map[string]uint64, names ...string) {
	tb.Helper()
	for _, name := range names {
		if n, ok := m[name]; n != 0 || !ok {
			tb.Errorf("%s = %d; want 0", name, n)
		}
	}
}
