package eventimport_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/eventfile"
	"github.com/qubesbeat/qubesbeat/internal/eventimport"
)

// line is an event of a qube, n seconds after the start of a day.
func line(n int, qube string) string {
	return fmt.Sprintf(`{"@timestamp":"%s","type":"flow","event":{"dataset":"flow","sequence":%d},"qube":{"name":%q}}`,
		time.Date(2026, 11, 21, 0, 0, n, 0, time.UTC).Format(time.RFC3339), n, qube)
}

// lines are so many events of work.
func lines(from, to int) (text string) {
	for n := from; n < to; n++ {
		text += line(n, "work") + "\n"
	}
	return text
}

// write writes a file and returns its path.
func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// output is where events arrive.
type output struct {
	it    *eventimport.Import
	sent  []string // event.sequence
	acks  int      // how many events it acknowledges, -1 for all
	doubt uint64   // what it has refused
}

// publish takes an event.
func (o *output) publish(e *eventfile.Event) {
	_, n, _ := strings.Cut(string(e.Members), `"sequence":`)
	n, _, _ = strings.Cut(n, "}")
	o.sent = append(o.sent, n)
	if o.acks < 0 || len(o.sent) <= o.acks {
		o.it.Acked(1)
	}
}

// run imports into an output.
func (o *output) run(t *testing.T, conf eventimport.Config) error {
	t.Helper()
	conf.Publish, conf.Refused = o.publish, func() uint64 { return o.doubt }
	o.it = eventimport.New(conf)
	return errors.Join(o.it.Run(t.Context()), o.it.Finish())
}

// TestImport_Run reads every line of every file, and says what it has left out.
func TestImport_Run(t *testing.T) {
	t.Parallel()
	a := write(t, "a", lines(0, 2)+"\n{torn\n"+strings.Repeat("x", eventfile.MaxLine+1)+"\n"+line(2, "work"))
	b := write(t, "b", line(3, "disp")+"\n"+line(4, "work")+"\n"+line(5, "")+"\n"+line(6, "work")[:50])
	out := output{acks: -1}
	err := out.run(t, eventimport.Config{Files: []string{a, filepath.Join(t.TempDir(), "none"), "-", b}, Stdin: strings.NewReader(lines(10, 12))})
	if err == nil || !strings.Contains(err.Error(), "none: no such file") {
		t.Errorf("Run = %v; want that one file is missing", err)
	}
	if diff := cmp.Diff([]string{"0", "1", "2", "10", "11", "3", "4", "5"}, out.sent); diff != "" {
		t.Errorf("events mismatch (-want +got):\n%s", diff)
	}
	c := out.it.Counts()
	if c.Files != 3 || c.Sent != 8 || c.Unreadable != 3 || c.FirstFault != a+":4: not a JSON object" || c.Read < int64(eventfile.MaxLine) || c.Size > c.Read {
		t.Errorf("counts are %+v", c)
	}
}

// TestImport_Run_filter selects by time and qube.
func TestImport_Run_filter(t *testing.T) {
	t.Parallel()
	path := write(t, "a", lines(0, 4)+line(4, "disp")+"\n"+line(5, "vault")+"\n")
	day := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		filter eventimport.Filter
		want   []string
	}{
		{eventimport.Filter{From: day.Add(2 * time.Second), To: day.Add(4 * time.Second)}, []string{"2", "3"}},
		{eventimport.Filter{Qubes: []string{"disp", "vault"}}, []string{"4", "5"}},
		{eventimport.Filter{Qubes: []string{"work"}, From: day.Add(3 * time.Second)}, []string{"3"}},
	} {
		out := output{acks: -1}
		if err := out.run(t, eventimport.Config{Files: []string{path}, Filter: tt.filter}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.want, out.sent); diff != "" || out.it.Counts().Unselected != uint64(6-len(tt.want)) {
			t.Errorf("%+v: %d not selected, events mismatch (-want +got):\n%s", tt.filter, out.it.Counts().Unselected, diff)
		}
	}
}

// TestImport_Run_days makes no more indices than a cluster has room for.
func TestImport_Run_days(t *testing.T) {
	t.Parallel()
	const day = 24 * 60 * 60
	path := write(t, "a", line(0, "a")+"\n"+line(day, "a")+"\n"+line(2*day, "a")+"\n"+line(1, "a")+"\n")
	out := output{acks: -1}
	if err := out.run(t, eventimport.Config{Files: []string{path}, MaxDays: 2}); err != nil {
		t.Fatal(err)
	}
	if c := out.it.Counts(); c.Sent != 3 || c.Unreadable != 1 || !strings.Contains(c.FirstFault, "a:3: the events have too many different days") {
		t.Errorf("counts are %+v; want that the third event is left out", c)
	}
}

// open opens a state.
func open(t *testing.T, path string) *eventimport.State {
	t.Helper()
	s, err := eventimport.OpenState(path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestImport_Run_resumed sends what an earlier import has not sent.
func TestImport_Run_resumed(t *testing.T) {
	t.Parallel()
	state := filepath.Join(t.TempDir(), "state.json")
	path := write(t, "events", lines(0, 5)+"{torn\n"+lines(5, 6))
	second := write(t, "second", lines(20, 22))
	step := func(name string, out output, want string, before uint64, files ...string) {
		t.Helper()
		if err := out.run(t, eventimport.Config{Files: files, State: open(t, state)}); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := strings.Join(out.sent, " "); got != want || out.it.Counts().Before != before {
			t.Errorf("%s: sent %q, %d before; want %q, %d", name, got, out.it.Counts().Before, want, before)
		}
	}
	step("two of them arrive", output{acks: 2}, "0 1 2 3 4 5", 0, path)
	step("the output refuses", output{acks: -1, doubt: 1}, "2 3 4 5", 2, path)
	step("all arrive", output{acks: -1}, "2 3 4 5 20 21", 2, path, second)
	step("again", output{acks: -1}, "", 8, path, second)
	moved := write(t, "moved", lines(0, 5)+"{torn\n"+lines(5, 8))
	step("moved, and grown", output{acks: -1}, "6 7", 6, moved)
	step("again, from an older copy", output{acks: -1}, "0 1 2 3 4 5", 0, path)
	similar := write(t, "similar", lines(0, 1)+strings.ReplaceAll(lines(1, 5)+"{torn\n"+lines(5, 6), "work", "disp"))
	step("another file with lines of the same lengths", output{acks: -1}, "0 1 2 3 4 5", 0, similar)
	other := write(t, "other", lines(0, 1)+lines(30, 40))
	step("another file with the same first line", output{acks: -1}, "0 30 31 32 33 34 35 36 37 38 39", 0, other)
	step("an empty file", output{acks: -1}, "", 0, write(t, "empty", ""))
}

// TestOpenState_bad says what to do about a state that cannot be read.
func TestOpenState_bad(t *testing.T) {
	t.Parallel()
	if _, err := eventimport.OpenState(write(t, "state.json", "{")); err == nil || !strings.Contains(err.Error(), "remove the file") {
		t.Errorf("OpenState = %v; want the next step", err)
	}
	out := output{acks: -1}
	if err := out.run(t, eventimport.Config{Files: []string{write(t, "a", lines(0, 1))}, State: open(t, write(t, "state.json", "null"))}); err != nil {
		t.Errorf("Run = %v; want an empty state", err)
	}
}

// TestImport_Run_bounded keeps a bounded number of bytes on their way, and stops when the
// output does not take them.
func TestImport_Run_bounded(t *testing.T) {
	t.Parallel()
	const size, events = 1 << 20, 100
	var text strings.Builder
	for n := range events {
		text.WriteString(strings.TrimSuffix(line(n, "a"), "}") + `,"x":"` + strings.Repeat("x", size) + "\"}\n")
	}
	path := write(t, "a", text.String())
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		sent := 0
		it := eventimport.New(eventimport.Config{Files: []string{path}, Publish: func(*eventfile.Event) { sent++ }})
		done := make(chan error)
		go func() { done <- it.Run(ctx) }()
		synctest.Wait()
		const most = 16 // MiB
		if sent == 0 || sent > most {
			t.Errorf("%d MiB are on their way; want at most %d", sent, most)
		}
		before := sent
		it.Acked(3)
		synctest.Wait()
		if sent != before+3 {
			t.Errorf("%d more are sent after 3 have arrived", sent-before)
		}
		cancel()
		if err := <-done; err != nil || it.Counts().Sent != uint64(sent) || sent == events {
			t.Errorf("Run = %v after %d events", err, sent)
		}
	})
}

// TestCounts_Summary says only what is known.
func TestCounts_Summary(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		counts eventimport.Counts
		out    eventimport.Outcome
		want   string
	}{
		{eventimport.Counts{Files: 8, Sent: 1_000_000}, eventimport.Outcome{KnowsDuplicates: true, Duplicates: 1888, Elapsed: 41*time.Second + 3},
			"qubesbeat: 1,000,000 events from 8 files; 998,112 new, 1,888 were there; 0 unreadable; 41s\n"},
		{eventimport.Counts{Files: 1, Sent: 7, Unselected: 1, Unreadable: 2, FirstFault: "a:1: x"}, eventimport.Outcome{Refused: 3, Missing: 2, Elapsed: 5 * time.Millisecond},
			"qubesbeat: a:1: x (and 1 more lines)\nqubesbeat: 7 events from 1 file; 2 sent, 0 were sent before, 3 refused by the output, 2 not delivered, 1 not selected; 2 unreadable; 5ms\n"},
		{eventimport.Counts{Files: 1, Before: 3}, eventimport.Outcome{},
			"qubesbeat: an earlier import has sent the beginning of these files; --again sends it again\nqubesbeat: 3 events from 1 file; 0 sent, 3 were sent before; 0 unreadable; 0s\n"},
	} {
		if diff := cmp.Diff(tt.want, tt.counts.Summary(tt.out)); diff != "" {
			t.Errorf("Summary mismatch (-want +got):\n%s", diff)
		}
	}
	c := eventimport.Counts{Sent: 450_000, Read: 45, Size: 100}
	if got, want := c.Progress(10*time.Second), " 45%  450,000 events  45,000/s"; got != want {
		t.Errorf("Progress = %q; want %q", got, want)
	}
	if got, want := (eventimport.Counts{Files: 1, Sent: 1, Unselected: 2}).DryRun(0), "1 event from 1 file would be sent, 2 not selected; 0 unreadable; 0s\n"; got != want {
		t.Errorf("DryRun = %q; want %q", got, want)
	}
}
