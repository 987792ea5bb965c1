package report_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/report"
)

// events are flows of three known qubes and an unknown one, an interim report and an
// event of another kind.
const events = `{"event":{"dataset":"flow"},"flow":{"final":true},"network":{"transport":"tcp"},"source":{"ip":"10.137.0.6","port":40000,"bytes":100},"destination":{"ip":"1.1.1.1","port":443,"bytes":2000},"qube":{"name":"work","label":"blue","ip":"10.137.0.6","attribution":"inventory"}}
{"event":{"dataset":"flow"},"flow":{"final":false},"source":{"bytes":99999},"qube":{"name":"work"}}

{"event":{"dataset":"flow"},"flow":{"final":true},"network":{"transport":"tcp"},"source":{"ip":"9.9.9.9","port":5000,"bytes":30},"destination":{"ip":"10.137.0.6","port":22,"bytes":40},"qube":{"name":"work","ip":"10.137.0.6"}}
{"event":{"dataset":"qubesbeat.firewall"},"type":"firewall","firewall":{"count":60},"qube":{"name":"untrusted","label":"red"}}
{"event":{"dataset":"flow"},"flow":{"final":true},"network":{"transport":"udp"},"source":{"ip":"10.137.0.9","port":5353,"bytes":50},"destination":{"ip":"2606:4700::1","port":53,"bytes":60},"qube":{"name":"untrusted","label":"red","ip":"10.137.0.9","attribution":"spoofed"}}
{"event":{"dataset":"flow"},"flow":{"final":true},"network":{"transport":"icmp"},"source":{"ip":"10.137.0.7","bytes":10},"destination":{"ip":"10.137.0.6","qube":{"name":"work"}},"qube":{"name":"personal","label":"custom","ip":"10.137.0.7"}}
{"event":{"dataset":"flow"},"flow":{"final":true},"network":{"transport":"udp"},"source":{"ip":"10.0.0.1","port":1,"bytes":1000000},"destination":{"ip":"10.0.0.2","domain":"example.org","port":2}}
{"event":{"dataset":"qubesbeat.stats"}}
`

func tally(t *testing.T, text string) *report.Tally {
	t.Helper()
	total := new(report.Tally)
	if err := total.ReadEvents("events.ndjson", strings.NewReader(text)); err != nil {
		t.Fatal(err)
	}
	return total
}

// TestTally_Table lists the busiest qube first and the unknown last.
func TestTally_Table(t *testing.T) {
	t.Parallel()
	total := tally(t, events)
	if total.Events != 8 || total.Flows != 5 {
		t.Errorf("Events, Flows = %d, %d; want 8, 5", total.Events, total.Flows)
	}
	var b strings.Builder
	if err := total.Table(&b, false); err != nil {
		t.Fatal(err)
	}
	want := `QUBE       LABEL     FLOWS      OUT       IN  TOP DESTINATIONS
work       ● blue        2    140 B  2.03 kB  1.1.1.1:443 (2.10 kB), 9.9.9.9:5000 (70 B)
untrusted  ● red         1     50 B     60 B  [2606:4700::1]:53 (110 B)  ! 1 spoofed  ! 60 refused
personal   ● custom      1     10 B      0 B  work icmp (10 B)
(unknown)  ● -           1  1.00 MB      0 B  example.org:2 (1.00 MB)
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("Table mismatch (-want +got):\n%s", diff)
	}
}

// TestTally_Table_colour paints the default labels only, and keeps the columns.
func TestTally_Table_colour(t *testing.T) {
	t.Parallel()
	var plain, painted strings.Builder
	total := tally(t, events)
	if err := errors.Join(total.Table(&plain, false), total.Table(&painted, true)); err != nil {
		t.Fatal(err)
	}
	text := painted.String()
	for _, want := range []string{report.Colour("blue", "work"), report.Colour("red", "● red")} {
		if !strings.Contains(text, want) {
			t.Errorf("Table = %q; want %q in it", text, want)
		}
		text = strings.ReplaceAll(text, want, strings.Trim(want, "\x1b"))
	}
	if got := report.Colour("custom", "x"); got != "x" {
		t.Errorf("Colour of a user's own label = %q; want it plain", got)
	}
	if a, b := strings.Count(plain.String(), "\n"), strings.Count(painted.String(), "\n"); a != b {
		t.Errorf("%d lines painted, %d plain; want the same", b, a)
	}
}

// TestTally_Table_hostile lets no control character through to the terminal: a
// name in an event may come from the network.
func TestTally_Table_hostile(t *testing.T) {
	t.Parallel()
	total := tally(t, `{"event":{"dataset":"flow"},"flow":{"final":true},"destination":{"domain":"a\u001b]0;x\u0007\nb","port":1}}`)
	var b strings.Builder
	if err := total.Table(&b, false); err != nil {
		t.Fatal(err)
	}
	if got := b.String(); strings.ContainsAny(got, "\x1b\x07") || strings.Count(got, "\n") != 2 {
		t.Errorf("Table = %q; want no control character of the event in it", got)
	}
}

// TestTally_ReadEvents names the line that is no event.
func TestTally_ReadEvents(t *testing.T) {
	t.Parallel()
	err := new(report.Tally).ReadEvents("e.ndjson", strings.NewReader("{}\n\nnonsense\n"))
	if err == nil || !strings.HasPrefix(err.Error(), "e.ndjson:3: not an event of the file output") {
		t.Errorf("ReadEvents = %v; want the place", err)
	}
	long := strings.NewReader(`{"x":"` + strings.Repeat("a", 5<<20) + "\"}\n{}\n")
	var total report.Tally
	if err := total.ReadEvents("e.ndjson", long); err == nil || !strings.HasPrefix(err.Error(), "e.ndjson:1: ") || total.Events != 1 {
		t.Errorf("ReadEvents of a line of 5 MB = %v with %d events; want that it is passed over", err, total.Events)
	}
	fault := errors.New("disk on fire")
	if err := new(report.Tally).ReadEvents("e.ndjson", iotest.ErrReader(fault)); !errors.Is(err, fault) || !strings.HasPrefix(err.Error(), "reading e.ndjson: ") {
		t.Errorf("ReadEvents = %v; want %v", err, fault)
	}
}

// failingWriter cannot write.
type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestTally_Table_fault(t *testing.T) {
	t.Parallel()
	if err := new(report.Tally).Table(failingWriter{}, false); err == nil || !strings.Contains(err.Error(), "broken pipe") {
		t.Errorf("Table = %v; want the writer's fault", err)
	}
}

// TestQubeTally_Top has at most as many as there are.
func TestQubeTally_Top(t *testing.T) {
	t.Parallel()
	work := tally(t, events).Qubes()[0]
	want := []report.Destination{{Name: "1.1.1.1:443", Bytes: 2100}, {Name: "9.9.9.9:5000", Bytes: 70}}
	for n := range 4 {
		if diff := cmp.Diff(want[:min(n, 2)], work.Top(n)); diff != "" {
			t.Errorf("Top(%d) mismatch (-want +got):\n%s", n, diff)
		}
	}
}

// TestTally_transactions counts them by qube and protocol, and names a server as
// its client did.
func TestTally_transactions(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	total := tally(t, `{"type":"dns","event":{"kind":"event","dataset":"dns"},"qube":{"name":"work","label":"blue"}}
{"type":"http","event":{"kind":"event","dataset":"http"},"qube":{"name":"work","label":"blue"}}
{"type":"dns","event":{"kind":"event","dataset":"dns"},"qube":{"name":"work","label":"blue"}}
{"type":"inventory","event":{"kind":"state","dataset":"qubesbeat.inventory"},"qube":{"name":"work","label":"blue"}}
{"type":"flow","event":{"kind":"event","dataset":"flow"},"flow":{"final":true},"source":{"ip":"10.137.0.6","bytes":1},"destination":{"ip":"1.1.1.1","port":443,"bytes":2},"tls":{"client":{"server_name":"one.example"}},"qube":{"name":"work","label":"blue"}}
`)
	if err := total.Table(&b, false); err != nil {
		t.Fatal(err)
	}
	want := "QUBE  LABEL   FLOWS  OUT   IN  TRANSACTIONS   TOP DESTINATIONS\n" +
		"work  ● blue      1  1 B  2 B  2 dns, 1 http  one.example:443 (3 B)\n"
	if diff := cmp.Diff(want, b.String()); diff != "" || total.Transactions != 3 {
		t.Errorf("%d transactions, Table mismatch (-want +got):\n%s", total.Transactions, diff)
	}
}

// TestTally_summaries adds what was left out to the sums, and says so.
func TestTally_summaries(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	total := tally(t, `{"event":{"dataset":"flow"},"flow":{"final":true},"network":{"transport":"tcp"},"source":{"ip":"10.137.0.6","bytes":100},"destination":{"ip":"1.1.1.1","port":443,"bytes":2000},"qube":{"name":"work","label":"blue"}}
{"type":"summary","event":{"kind":"metric","dataset":"qubesbeat.summary"},"summary":{"dataset":"flow","events":12345,"count":12000,"spoofed":2,"sent":{"bytes":500},"received":{"bytes":7}},"qube":{"name":"work","label":"blue"}}
{"type":"summary","event":{"kind":"metric","dataset":"qubesbeat.summary"},"summary":{"dataset":"qubesbeat.dns","events":5,"count":9,"outcomes":[{"name":"dns-cached","count":6},{"name":"dns-blocked","count":3}]},"qube":{"name":"work"}}
{"type":"summary","event":{"kind":"metric","dataset":"qubesbeat.summary"},"summary":{"dataset":"qubesbeat.firewall","events":4,"count":40},"qube":{"name":"work"}}
{"type":"summary","event":{"kind":"metric","dataset":"qubesbeat.summary"},"summary":{"dataset":"http","events":2,"count":2},"qube":{"name":"work"}}
`)
	if err := total.Table(&b, false); err != nil {
		t.Fatal(err)
	}
	want := "QUBE  LABEL    FLOWS    OUT       IN  TRANSACTIONS              TOP DESTINATIONS\n" +
		"work  ● blue  12,001  600 B  2.01 kB  9 dns (3 denied), 2 http  1.1.1.1:443 (2.10 kB)  ! 2 spoofed  ! 40 refused  ! 12,356 events in summaries\n"
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("Table mismatch (-want +got):\n%s", diff)
	}
	if got := total.Notes(); !strings.Contains(got, "12,356 events are in summaries") || total.Flows != 12001 || total.Transactions != 11 {
		t.Errorf("Notes = %q, %d flows, %d transactions", got, total.Flows, total.Transactions)
	}
}

// TestTally_queries checks that the queries of the resolver are counted, with those
// that it has not let through.
func TestTally_queries(t *testing.T) {
	t.Parallel()
	var tally report.Tally
	events := `{"event":{"dataset":"qubesbeat.dns","kind":"event","action":"dns-cached"},"qube":{"name":"work","label":"blue"}}
{"event":{"dataset":"qubesbeat.dns","kind":"event","action":"dns-blocked"},"qube":{"name":"work"},"qubesbeat":{"dns":{"count":3}}}
`
	if err := tally.ReadEvents("events", strings.NewReader(events)); err != nil {
		t.Fatal(err)
	}
	q := tally.Qubes()[0]
	if got := strings.Join(q.Kinds(), ", "); got != "4 dns (3 denied)" || q.Label != "blue" {
		t.Errorf("Kinds = %q, label %q; want 4 dns (3 denied), blue", got, q.Label)
	}
}

// Of files with delta reports, all events add up, and final ones count as flows; what is
// read before and after them does not change.
func TestTally_delta(t *testing.T) {
	t.Parallel()
	line := func(final bool, bytes int) string {
		return fmt.Sprintf(`{"event":{"dataset":"flow"},"flow":{"final":%v,"id":"f"},"qube":{"name":"work"},"source":{"bytes":%d},"destination":{"ip":"198.51.100.7","bytes":1}}`+"\n", final, bytes)
	}
	growing := line(false, 10) + line(false, 30) + line(true, 60)
	delta := line(false, 10) + line(false, 20) + line(false, 15) + line(true, 15)
	for name, texts := range map[string][]string{"both": {growing, delta}, "reversed": {delta, growing}} {
		var tally report.Tally
		for _, text := range texts {
			if err := tally.ReadEvents("events", strings.NewReader(text)); err != nil {
				t.Fatal(err)
			}
		}
		if q := tally.Qubes()[0]; q.Out != 120 || q.In != 5 || q.Flows != 2 || tally.Flows != 2 {
			t.Errorf("%s: %d bytes out, %d in, %d flows; want 120, 5, 2", name, q.Out, q.In, q.Flows)
		}
	}
}
