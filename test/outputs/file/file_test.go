package file_test

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/cmd"
	"github.com/qubesbeat/qubesbeat/internal/testbed"
	"github.com/qubesbeat/qubesbeat/internal/testbed/beat"
	"github.com/qubesbeat/qubesbeat/internal/testbed/fixture"
	"github.com/qubesbeat/qubesbeat/internal/testbed/strict"
)

func TestMain(m *testing.M) { beat.Main(m, func() error { return cmd.Root().Execute() }) }

// config has small files, and few of them.
const config = `qubesbeat: {interfaces: {device: lo}, inventory: {hold: 0s}}
output.file: {path: HOME/out, filename: events, rotate_every_kb: 1024, number_of_files: 3, codec.json.pretty: false}
logging.to_stderr: true
logging.level: warning
`

// newBeat returns a command that replays the demo's capture.
func newBeat(t *testing.T, more ...string) (c beat.Command, out string) {
	home := beat.NewHome(t)
	c = beat.Self(t, "qubesbeat")
	c.Home = home
	c.Args = beat.Flags(home, beat.Write(t, home, "qubesbeat.yml", config),
		append([]string{"-t", "-I", fixture.Repository(t, "demo", "qubes.pcapng")}, more...)...)
	return c, filepath.Join(home, "out")
}

// lines returns the number of lines in the files of a folder, and fails at one that is no
// event.
func lines(t *testing.T, dir string) (n int) {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join(dir, "*.ndjson"))
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(text) {
			if _, err := beat.ParseEvent(line); err != nil || !bytes.HasSuffix(line, []byte("}\n")) {
				t.Errorf("%s: not an event: %.60q (%v)", path, line, err)
			}
			if bytes.Contains(line, []byte(`"@timestamp"`)) { // and not what a test has put there
				strict.Check(t, path, line)
			}
			n++
		}
	}
	return n
}

// published returns the number of events in the summary of a replay.
func published(t *testing.T, r beat.Result) int {
	t.Helper()
	m := regexp.MustCompile(`([0-9,]+) events;`).FindStringSubmatch(r.Stderr)
	if m == nil {
		t.Fatalf("no summary:\n%s", r.Stderr)
	}
	n, err := strconv.Atoi(strings.ReplaceAll(m[1], ",", ""))
	if err != nil {
		t.Fatal(err)
	}
	return n + 1 // the last stats event
}

// TestFile_starts replays 13 times: every event of every run is in the files, which are
// more runs than files are kept.
func TestFile_starts(t *testing.T) {
	t.Parallel()
	c, out := newBeat(t)
	want := 0
	for range 13 {
		want += published(t, c.Run(t, time.Minute))
	}
	if got := lines(t, out); got != want {
		t.Errorf("%d events are in the files; want %d", got, want)
	}
	if files, _ := filepath.Glob(filepath.Join(out, "*")); len(files) != 1 {
		t.Errorf("files = %q; want one", files)
	}
}

// TestFile_complete fills many small files, under the filter of system calls that a unit
// test does not have: each gets its last name, and no event is lost.
func TestFile_complete(t *testing.T) {
	t.Parallel()
	c, out := newBeat(t, "-l", "60", "-E", "output.file.rotate_every_kb=300", "-E", "output.file.number_of_files=100")
	r := c.Run(t, time.Minute)
	if got, want := lines(t, out), published(t, r); r.Code != 0 || got != want {
		t.Errorf("exit status %d, %d events are in the files; want %d\n%s", r.Code, got, want, r.Stderr)
	}
	if files, _ := filepath.Glob(filepath.Join(out, "events-*.ndjson")); len(files) < 5 {
		t.Errorf("complete files = %q; want at least 5", files)
	}
}

// TestFile_bound keeps no more bytes than number_of_files times rotate_every_kb, the
// file in use included.
func TestFile_bound(t *testing.T) {
	t.Parallel()
	c, out := newBeat(t, "-l", "60", "-E", "output.file.rotate_every_kb=300", "-E", "output.file.number_of_files=3")
	if r := c.Run(t, time.Minute); r.Code != 0 {
		t.Fatalf("exit status %d\n%s", r.Code, r.Stderr)
	}
	files, _ := filepath.Glob(filepath.Join(out, "*"))
	size := int64(0)
	for _, path := range files {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		size += info.Size()
	}
	if len(files) < 2 || size > 3*300<<10 { // of files that are complete early, there may be more
		t.Errorf("%d files with %d bytes are left; want at least 2, and at most %d bytes", len(files), size, 3*300<<10)
	}
}

// TestFile_moved takes the file in use away between runs and during none: what was
// written is where it was taken.
func TestFile_moved(t *testing.T) {
	t.Parallel()
	c, out := newBeat(t)
	want := published(t, c.Run(t, time.Minute))
	if err := os.Rename(filepath.Join(out, "events.ndjson"), filepath.Join(out, "moved.ndjson")); err != nil {
		t.Fatal(err)
	}
	want += published(t, c.Run(t, time.Minute))
	if got := lines(t, out); got != want {
		t.Errorf("%d events are in the files; want %d", got, want)
	}
}

// TestAttack16_full_disk replays onto a file system of 2 MB that is almost full. Every
// event is in a file or counted, no line is torn, no earlier file is deleted, and the
// log has a line and not one for each event.
func TestAttack16_full_disk(t *testing.T) {
	testbed.Require(t)
	c, out := newBeat(t, "-l", "60")
	if err := os.Mkdir(out, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", out, "tmpfs", 0, "size=2m"); err != nil {
		t.Skipf("mounting a file system: %v; run as root, or: QUBESBEAT_NET=1 unshare -Urnm go test ./test/outputs/file", err)
	}
	defer func() { _ = syscall.Unmount(out, syscall.MNT_DETACH) }()
	earlier := filepath.Join(out, "events-host-20260101T000000.000Z.ndjson")
	if err := os.WriteFile(earlier, []byte("{\"n\":1}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := c.Run(t, time.Minute)
	written := lines(t, out) - 1
	m := regexp.MustCompile(`([0-9,]+) refused by the output`).FindStringSubmatch(r.Stderr)
	if m == nil || r.Code != 1 {
		t.Fatalf("exit status %d, and no refused events are reported:\n%s", r.Code, r.Stderr)
	}
	refused, _ := strconv.Atoi(strings.ReplaceAll(m[1], ",", ""))
	if want := published(t, r); written+refused != want || written == 0 {
		t.Errorf("%d written and %d refused; want %d together\n%s", written, refused, want, r.Stderr)
	}
	if _, err := os.Stat(earlier); err != nil {
		t.Errorf("the history is gone: %v", err)
	}
	if n := strings.Count(r.Stderr, "events cannot be written"); n != 1 {
		t.Errorf("the log says it %d times; want once", n)
	}
}
