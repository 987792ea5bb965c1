//go:build linux

package dropin_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	runner "github.com/qubesbeat/qubesbeat/internal/testbed/beat"
	"github.com/qubesbeat/qubesbeat/internal/testbed/poll"
)

// transactionTimeout is how long the analyzers wait for an answer: short, so
// that what has none is reported before the end.
const transactionTimeout = 2 * time.Second

// protocols are those that the clients of this test speak.
const protocols = `
packetbeat.protocols:
  - {type: icmp, transaction_timeout: 2s}
  - {type: dns, ports: [53], include_authorities: true, include_additionals: true, transaction_timeout: 2s}
  - {type: http, ports: [80], send_all_headers: true, split_cookie: true, real_ip_header: X-Forwarded-For, transaction_timeout: 2s}
  - {type: tls, ports: [443], fingerprints: [sha1, sha256], include_raw_certificates: true}
`

// TestLive_sameTransactions lets both programs capture the traffic of one client
// on its vif, at the same time and with the same file, and compares their
// transactions field by field.
func TestLive_sameTransactions(t *testing.T) {
	require(t)
	t.Parallel()
	h := newHome(t)
	length := *liveTime
	// packetbeat needs one interface: on more than one it counts what is
	// forwarded between them twice.
	config := h.on(30*time.Second, -time.Second, h.work.Vif) + protocols + outputFile
	// On a busy machine packetbeat's usual buffer of three frames of eight MiB is
	// too short for the downloads.
	config = strings.Replace(config, "af_packet,", "af_packet, buffer_size_mb: 128,", 1)
	two := []*beat{h.start(t, theirs, h.work, config), h.start(t, ours, h.work, config)}

	t.Logf("lines done in %v: %v", length, h.mix(t, length))
	h.Settle()
	var events [2]runner.Events
	gaps := sum(two[0].inputs(), "tcp.dropped_because_of_gaps")
	t.Logf("packetbeat has given up %d connections at gaps", gaps)
	for i, b := range two {
		b.quiet(t, 2*transactionTimeout+time.Second) // the analyzers look that often for what is over
		all := b.Stop(t)
		if b.program.name == ours.name {
			t.Logf("counters of qubesbeat: %v", lastStats(t, all))
		}
		events[i] = all.Filter(ofType("http", "dns", "tls", "icmp"))
		t.Logf("%s: %d transactions %s", b.program.name, len(events[i]), count(events[i]))
	}
	checkKinds(t, events[0])
	compare(t, events[0], events[1], gaps)
	checkNames(t, h, events[1])
}

// quiet waits until the beat has written nothing for some time.
func (b *beat) quiet(t *testing.T, silence time.Duration) {
	t.Helper()
	poll.Settle(t, b.program.name+" writes nothing more", silence, func() int64 { return b.written(t) })
}

// written returns how long the files of events are.
func (b *beat) written(t *testing.T) (n int64) {
	t.Helper()
	files, err := os.ReadDir(filepath.Join(b.Home, "out"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	for _, f := range files {
		if info, err := f.Info(); err == nil {
			n += info.Size()
		}
	}
	return n
}

// checkKinds fails the test unless packetbeat has seen everything that the
// clients did: else a comparison says nothing.
func checkKinds(t *testing.T, events runner.Events) {
	t.Helper()
	for what, is := range map[string]func(event) bool{
		"HTTP request":         func(e event) bool { return e.Text("type") == "http" && e.Text("method") == "GET" },
		"HTTP form":            func(e event) bool { return e.Text("type") == "http" && e.Text("method") == "POST" },
		"HTTP error":           func(e event) bool { return e.Number("http.response.status_code") == 400 },
		"large HTTP response":  func(e event) bool { return e.Number("http.response.bytes") > 3_000_000 },
		"DNS answer":           func(e event) bool { return e.Text("type") == "dns" && e.Text("dns.response_code") == "NOERROR" },
		"NXDOMAIN":             func(e event) bool { return e.Text("dns.response_code") == "NXDOMAIN" },
		"DNS over TCP":         func(e event) bool { return e.Text("type") == "dns" && e.Text("network.transport") == "tcp" },
		"unanswered DNS query": func(e event) bool { return e.Text("dns.type") == "query" && e.Text("status") == "Error" },
		"TLS 1.3":              func(e event) bool { return e.Text("tls.version") == "1.3" },
		"TLS 1.2":              func(e event) bool { return e.Text("tls.version") == "1.2" },
		"ping": func(e event) bool {
			return e.Text("type") == "icmp" && e.Number("icmp.version") == 4 && e.Text("status") == "OK"
		},
		"ping over IPv6": func(e event) bool {
			return e.Text("type") == "icmp" && e.Number("icmp.version") == 6 && e.Text("status") == "OK"
		},
	} {
		if len(events.Filter(is)) == 0 {
			t.Errorf("packetbeat reports no %s", what)
		}
	}
}

// compare fails the test unless both lists have the same events, whatever their
// order. What differs is shown by kind, with an example. gaps is how many
// connections packetbeat says that it has given up.
func compare(t *testing.T, theirs, ours runner.Events, gaps uint64) {
	t.Helper()
	a, b := without(theirs, ours), without(ours, theirs)
	t.Logf("%d transactions are equal", len(theirs)-len(a))
	all := pairUp(a, b)
	broken := interrupted(all, ours)
	if uint64(len(broken)) > gaps {
		t.Errorf("%d connections are interrupted in packetbeat's events; it has counted %d", len(broken), gaps)
		broken = nil
	}
	kinds, explained := map[string][]string{}, map[string]int{}
	for _, d := range all {
		switch why := d.explanation(); {
		case why != "":
			explained[why+": "+d.kind()]++
		case d.theirs != nil && broken[conversation(d.theirs)]:
			explained[fmt.Sprintf("packetbeat has given up the connection at a gap: %v", d.theirs["type"])]++
		default:
			kinds[d.kind()] = append(kinds[d.kind()], d.String())
		}
	}
	for kind, n := range explained {
		t.Logf("%d transactions differ, explained by %s", n, kind)
	}
	for kind, all := range kinds {
		t.Errorf("%d times %s, such as\n%s", len(all), kind, all[0])
	}
}

// checkNames fails the test unless every transaction has its client.
func checkNames(t *testing.T, h *home, events runner.Events) {
	t.Helper()
	for _, e := range events {
		got := []string{e.Text("qube.name"), e.Text("qube.label"), e.Text("qube.vif")}
		if diff := cmp.Diff([]string{h.work.Name, h.work.Label, h.work.Vif}, got); diff != "" {
			t.Errorf("name, label and vif mismatch (-want +got):\n%s%v", diff, e)
		}
	}
}
