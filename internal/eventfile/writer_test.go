package eventfile_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/eventfile"
)

// world is a folder, a clock and a disk for one writer after the other.
type world struct {
	testing.TB
	conf eventfile.Config
	now  time.Time
	free int64
	log  bytes.Buffer
	n    int // lines so far
}

func newWorld(t testing.TB) *world {
	w := &world{TB: t, now: time.Date(2026, 11, 28, 9, 0, 0, 0, time.UTC), free: 1 << 40}
	w.conf = eventfile.Config{Dir: filepath.Join(t.TempDir(), "events"), Name: "events", Host: "laptop/7", FileBytes: 1000, TotalBytes: 4000,
		Logger: slog.New(slog.NewTextHandler(&w.log, nil)), Now: func() time.Time { return w.now },
		Space: func(string) (int64, int64, error) { return w.free, 1 << 40, nil }}
	return w
}

func (w *world) open() *eventfile.Writer {
	w.Helper()
	f, err := eventfile.New(w.conf)
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { _ = f.Close() })
	return f
}

// write writes numbered lines of 50 bytes, with their line feed, each in a batch.
func (w *world) write(f *eventfile.Writer, lines int) {
	for range lines {
		f.Append(fmt.Appendf(nil, `{"n":%043d}`, w.n))
		f.Flush()
		w.n++
		w.now = w.now.Add(time.Millisecond)
	}
}

// numbers returns the lines of all files in the folder, in the order of the names of
// complete files, and then the file in use.
func (w *world) numbers() (all []int) {
	w.Helper()
	names, _ := filepath.Glob(filepath.Join(w.conf.Dir, "events-*.ndjson"))
	for _, name := range append(names, filepath.Join(w.conf.Dir, "events.ndjson")) {
		text, err := os.ReadFile(name)
		if err != nil && !os.IsNotExist(err) {
			w.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			var n int
			if _, err := fmt.Sscanf(line, `{"n":%d}`, &n); err != nil || !strings.HasSuffix(line, "}\n") {
				w.Errorf("%s: not a line of ours: %q", name, line)
			}
			all = append(all, n)
		}
	}
	return all
}

// wantRange checks that the files hold the lines from one number up to another.
func (w *world) wantRange(from, to int) {
	w.Helper()
	var want []int
	for i := from; i < to; i++ {
		want = append(want, i)
	}
	if diff := cmp.Diff(want, w.numbers()); diff != "" {
		w.Errorf("lines mismatch (-want +got):\n%s", diff)
	}
}

// TestWriter_rotate fills files and deletes the oldest.
func TestWriter_rotate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	f := w.open()
	w.write(f, 70) // 20 lines are a file
	w.wantRange(0, 70)
	w.write(f, 30)
	w.wantRange(20, 100)
	s := f.Stats()
	if s.Lines != 100 || s.Written != 100 || s.Refused != 0 || s.Completed != 4 || s.Deleted != 1 || s.DeletedBytes != 1000 {
		t.Errorf("stats = %+v", s)
	}
	names, _ := filepath.Glob(filepath.Join(w.conf.Dir, "*"))
	if got, want := filepath.Base(names[0]), "events-laptop_7-20261128T090000.040Z.ndjson"; got != want {
		t.Errorf("the first file is %s; want %s", got, want)
	}
	for _, name := range names {
		if info, _ := os.Stat(name); info.Mode() != 0o600 {
			t.Errorf("%s has mode %v", name, info.Mode())
		}
	}
	if info, _ := os.Stat(w.conf.Dir); info.Mode() != fs.ModeDir|0o700 {
		t.Errorf("the folder has mode %v", info.Mode())
	}
}

// TestWriter_starts loses nothing, however often the writer starts.
func TestWriter_starts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range 30 {
		f := w.open()
		w.write(f, 2)
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	w.wantRange(0, 60)
	w.conf.Fresh = true
	f := w.open()
	w.write(f, 1)
	if s := f.Stats(); s.Completed != 1 {
		t.Errorf("stats = %+v; want a file completed at the start", s)
	}
	w.wantRange(0, 61)
}

// TestWriter_clock names no two files alike when the clock is set back, and keeps
// their order.
func TestWriter_clock(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	f := w.open()
	for range 3 {
		w.write(f, 5)
		if err := f.Rotate(); err != nil {
			t.Fatal(err)
		}
		w.now = w.now.Add(-time.Hour)
	}
	w.wantRange(0, 15)
	if err := f.Rotate(); err != nil { // nothing to do
		t.Fatal(err)
	}
	if s := f.Stats(); s.Completed != 3 {
		t.Errorf("stats = %+v; want 3 files", s)
	}
}

// TestWriter_space stops before the file system is full, and goes on.
func TestWriter_space(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.conf.MinFree = 10_000
	f := w.open()
	w.write(f, 10)
	w.free = 10_020
	w.now = w.now.Add(time.Second)
	w.write(f, 25)
	if s := f.Stats(); s.Refused != 25 || !s.Stopped || s.Written != 10 {
		t.Errorf("stats = %+v; want 25 refused", s)
	}
	w.free = 1 << 30
	w.write(f, 5) // not tried yet
	w.now = w.now.Add(time.Second)
	w.n = 10
	w.write(f, 5)
	w.wantRange(0, 15)
	if s := f.Stats(); s.Refused != 30 || s.Stopped || s.Lines != s.Written+s.Refused {
		t.Errorf("stats = %+v; want 30 refused", s)
	}
	if n := strings.Count(w.log.String(), "\n"); n != 2 || !strings.Contains(w.log.String(), "dropped=30") {
		t.Errorf("the log has %d lines; want 2:\n%s", n, &w.log)
	}
}

// TestWriter_torn cuts off what a killed process has left of a line.
func TestWriter_torn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	f := w.open()
	w.write(f, 3)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	text, _ := os.ReadFile(f.Path())
	if err := os.WriteFile(f.Path(), append(text, `{"n":0000`...), 0o600); err != nil {
		t.Fatal(err)
	}
	f = w.open()
	w.write(f, 2)
	w.wantRange(0, 5)
	if s := f.Stats(); s.Torn != 1 {
		t.Errorf("stats = %+v; want one torn line", s)
	}
}

// TestWriter_moved goes on in a new file when the one in use is moved, and counts what
// is lost when it is removed.
func TestWriter_moved(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	f := w.open()
	w.write(f, 3)
	if err := os.Rename(f.Path(), filepath.Join(w.conf.Dir, "events-0.ndjson")); err != nil {
		t.Fatal(err)
	}
	w.write(f, 4)
	w.wantRange(0, 7)
	if err := os.Remove(f.Path()); err != nil {
		t.Fatal(err)
	}
	w.write(f, 1)
	if s := f.Stats(); s.Lost != 4 || s.Written != 8 {
		t.Errorf("stats = %+v; want 4 lost of 8", s)
	}
}

// TestWriter_link writes nothing through a symbolic link.
func TestWriter_link(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	victim := filepath.Join(t.TempDir(), "victim")
	if err := os.WriteFile(victim, []byte("kept\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := w.open()
	if err := os.Mkdir(w.conf.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(victim, f.Path()); err != nil {
		t.Fatal(err)
	}
	w.write(f, 2)
	w.wantRange(0, 2)
	if text, _ := os.ReadFile(victim); string(text) != "kept\n" {
		t.Errorf("the link's target is now %q", text)
	}
}

// TestWriter_twice does not let two processes write one file.
func TestWriter_twice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	f, g := w.open(), w.open()
	w.write(f, 2)
	g.Append([]byte("{}"))
	if n := g.Flush(); n != 1 || !strings.Contains(w.log.String(), "another process") {
		t.Errorf("the second writer refused %d lines; want 1; log:\n%s", n, &w.log)
	}
	w.wantRange(0, 2)
}
