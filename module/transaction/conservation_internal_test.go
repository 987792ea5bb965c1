package transaction

import (
	"encoding/json"
	"io/fs"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/elastic/elastic-agent-libs/logp"

	"github.com/qubesbeat/qubesbeat/internal/capture"
	"github.com/qubesbeat/qubesbeat/internal/feed"
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
// behind the end of the one before, so that the clock goes forward only.
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

// analyzed is what came of the captures.
type analyzed struct {
	events    []string // sorted
	stats     Stats
	tap       feed.Stats
	publisher PublisherStats
	wanted    uint64 // whole packets for an analyzer, by the ports
	pieces    uint64
}

// analyze sends captures through a tap, the analyzers and a publisher.
func analyze(tb testing.TB, paths []string) (r analyzed) {
	tb.Helper()
	client := new(fakeClient)
	pub := newFakePublisher(tb, client, func(c *PublisherConfig) { c.Patient = true })
	a, err := New(Config{List: sections(tb, everything), Publisher: pub, Name: nameOf, Patient: true, Log: logp.NewNopLogger()})
	if err != nil {
		tb.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(a.Run)
	finish := run(pub)
	tp := a.Tap()
	frames(tb, paths, func(p *packet.Packet, data []byte) {
		switch {
		case p.Fragment != packet.FragmentNone:
			r.pieces++
		case a.ports.Has(p):
			r.wanted++
		}
		tp.Packet(p, data)
		clear(data) // belongs to the capture
	})
	tp.Close()
	running.Wait()
	finish()
	for _, e := range client.published() {
		b, err := json.Marshal(e)
		if err != nil {
			tb.Fatal(err)
		}
		r.events = append(r.events, string(b))
	}
	slices.Sort(r.events)
	r.stats, r.tap, r.publisher = a.Stats(), tp.Stats(), pub.Stats()
	checkSums(tb, pub)
	return r
}

// TestAnalyzers_conservation analyzes all of packetbeat's captures: every packet
// and every event is counted once, and the same packets make the same events.
func TestAnalyzers_conservation(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("analyzes all captures of packetbeat twice; run without -short")
	}
	paths := beatsCaptures(t)
	one, two := analyze(t, paths), analyze(t, paths)
	if diff := cmp.Diff(one.events, two.events); diff != "" {
		t.Errorf("the events of a second run mismatch (-first +second):\n%.3000s", diff)
	}
	s, tp, p := one.stats, one.tap, one.publisher
	refused := uint64(0)
	for _, n := range s.Refused {
		refused += n
	}
	switch {
	case one.wanted == 0 || one.wanted+tp.Fragments.Completed < s.Queue.In+tp.Malformed || one.wanted > s.Queue.In+tp.Malformed:
		t.Errorf("%d packets and %d whole datagrams were wanted; %d were queued and %d malformed", one.wanted, tp.Fragments.Completed, s.Queue.In, tp.Malformed)
	case s.Queue.Out != s.Queue.In || s.Queue.Dropped != 0 || s.Queue.Waiting != 0 || s.Queue.Bytes != 0:
		t.Errorf("Queue = %+v", s.Queue)
	case s.Packets+s.Copies+s.Spoofed != s.Queue.Out || refused != 0:
		t.Errorf("%d packets left the queue; the sums are %+v", s.Queue.Out, s)
	case s.Live != 0 || s.Held != 0 || s.Connections == 0 || s.Evicted != 0:
		t.Errorf("Stats = %+v; want nothing left", s)
	case p.Reported != uint64(len(one.events)) || p.Published != p.Reported || p.Dropped != 0:
		t.Errorf("publisher's Stats = %+v; want %d published", p, len(one.events))
	}
	t.Logf("%d captures, %d events, %+v", len(paths), len(one.events), s)
	delete(s.Panics, "memcache") // of the pinned module, with maxvalues: memcache.go:310, a slice beyond its capacity
	for name, n := range s.Panics {
		t.Errorf("%s has failed %d times", name, n)
	}
}
