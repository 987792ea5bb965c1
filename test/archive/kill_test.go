package archive_test

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/qubesbeat/qubesbeat/cmd"
	"github.com/qubesbeat/qubesbeat/internal/archive"
	"github.com/qubesbeat/qubesbeat/internal/testbed/beat"
	"github.com/qubesbeat/qubesbeat/internal/testbed/poll"
)

func TestMain(m *testing.M) { beat.Main(m, func() error { return cmd.Root().Execute() }) }

const (
	files     = 30
	perFile   = 1000
	kills     = 15
	mostFiles = 3  // that come before a side is killed
	mostPause = 15 // milliseconds that it goes on then
)

// setting is the two folders, and the way from one to the other.
type setting struct {
	testing.TB
	command            beat.Command
	events, vault, pid string
}

func newSetting(t testing.TB) *setting {
	t.Helper()
	home := beat.NewHome(t)
	s := &setting{TB: t, command: beat.Self(t, "qubesbeat"), events: filepath.Join(home, "events"),
		vault: filepath.Join(home, "vault"), pid: filepath.Join(home, "pid")}
	s.command.Home = home
	// The shell becomes the receiver, and says first which process that is.
	s.command.Args = []string{"archive", "send", "--dir", s.events, "--receipts", filepath.Join(home, "receipts"), "--delete", "--",
		"sh", "-c", `echo $$ > "$0.new" && mv "$0.new" "$0" && exec "$@"`, s.pid,
		s.command.Program, "archive", "receive", "--dir", s.vault, "--sender", "sys-log", "--min-free", "1"}
	return s
}

// line returns the line of event n.
func line(n int) string {
	at := time.Date(2026, 11, 1, 0, 0, n, 0, time.UTC)
	return fmt.Sprintf(`{"@timestamp":"%s","type":"flow","event":{"id":"event-%d","dataset":"flow"}}`, at.Format("2006-01-02T15:04:05.000Z"), n)
}

// fill writes the files of events, each of which repeats the last event of the one
// before.
func (s *setting) fill() {
	s.Helper()
	for f := range files {
		var text strings.Builder
		for n := max(f*perFile-1, 0); n < (f+1)*perFile; n++ {
			text.WriteString(line(n) + "\n")
		}
		at := time.Date(2026, 11, 1, f, 0, 0, 0, time.UTC)
		beat.Write(s, s.events, "events-host-"+at.Format("20060102T150405.000Z")+".ndjson", text.String())
	}
}

// archived counts the lines in the archive.
func (s *setting) archived() map[string]int {
	s.Helper()
	lines := map[string]int{}
	paths, _ := filepath.Glob(filepath.Join(s.vault, "sys-log", "*.zst"))
	for _, path := range paths {
		f, err := os.Open(path)
		if err != nil {
			s.Fatal(err)
		}
		z, err := zstd.NewReader(f)
		if err != nil {
			s.Fatal(err)
		}
		text, err := io.ReadAll(z)
		if err != nil {
			s.Fatalf("%s: %v", path, err)
		}
		z.Close()
		_ = f.Close()
		for _, l := range strings.Split(strings.TrimSpace(string(text)), "\n") {
			lines[l]++
		}
	}
	return lines
}

// verified returns the lines in the archive after it was checked.
func (s *setting) verified() map[string]int {
	s.Helper()
	if _, err := archive.Verify(s.vault, "sys-log"); err != nil {
		s.Fatalf("Verify: %v", err)
	}
	lines := s.archived()
	for l, n := range lines {
		if n > 1 {
			s.Fatalf("%d times in the archive: %s", n, l)
		}
	}
	return lines
}

// complete checks that every event is in the folder or in the archive.
func (s *setting) complete(lines map[string]int) {
	s.Helper()
	all := maps.Clone(lines)
	paths, _ := filepath.Glob(filepath.Join(s.events, "*.ndjson"))
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			s.Fatal(err)
		}
		for _, l := range strings.Split(strings.TrimSpace(string(text)), "\n") {
			all[l]++
		}
	}
	for n := range files * perFile {
		if all[line(n)] == 0 {
			s.Fatalf("event %d is lost", n)
		}
	}
}

// receiver returns the process that receives, once it has begun.
func (s *setting) receiver() *os.Process {
	text, err := os.ReadFile(s.pid)
	if err != nil {
		return nil
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return nil
	}
	p, _ := os.FindProcess(pid)
	return p
}

// entries returns how many files are archived.
func (s *setting) entries() int {
	text, _ := os.ReadFile(filepath.Join(s.vault, "sys-log", "manifest"))
	return bytes.Count(text, []byte("\n"))
}

// interrupt begins a transfer, kills one of its sides after some time, and waits for the
// end of both.
func (s *setting) interrupt(r *rand.Rand) (killed string) {
	_ = os.Remove(s.pid)
	b := s.command.Launch(s)
	enough := s.entries() + r.IntN(mostFiles+1)
	poll.Until(s, "files come", func() bool { return s.receiver() != nil && s.entries() >= enough || b.HasEnded() })
	time.Sleep(time.Duration(r.IntN(mostPause)) * time.Millisecond)
	p := s.receiver()
	if r.IntN(2) == 0 && p != nil {
		_ = p.Kill()
		<-b.Ended()
		return "receiver"
	}
	b.Kill()
	if p = s.receiver(); p != nil { // sees the end of its input
		_ = exec.Command("tail", "--pid="+strconv.Itoa(p.Pid), "-f", "/dev/null").Run()
	}
	return "sender"
}

// TestKill kills one side of the transfer again and again: at every moment each event is
// in the folder or in the archive, and never twice in the archive.
func TestKill(t *testing.T) {
	t.Parallel()
	s := newSetting(t)
	s.fill()
	r := rand.New(rand.NewPCG(12, 7))
	count, steps := map[string]int{}, map[int]bool{}
	for n := range kills {
		if n == kills/2 {
			s.fill() // again: those that were deleted come back
		}
		count[s.interrupt(r)]++
		if _, err := os.Stat(filepath.Join(s.vault, "sys-log", "manifest")); err == nil {
			lines := s.verified()
			s.complete(lines)
			steps[len(lines)] = true
		}
	}
	if got := s.command.Run(t, time.Minute); got.Code != 0 {
		t.Fatalf("exit status %d: %s", got.Code, got.Stderr)
	}
	lines := s.verified()
	if len(lines) != files*perFile {
		t.Errorf("%d events are in the archive; want %d", len(lines), files*perFile)
	}
	if left, _ := os.ReadDir(s.events); len(left) > 0 {
		t.Errorf("%d files are left", len(left))
	}
	if count["sender"] < kills/5 || count["receiver"] < kills/5 {
		t.Errorf("killed: %v; want both sides", count)
	}
	if len(steps) < kills/4 {
		t.Errorf("a side was killed at %d stages of the transfer only: %v", len(steps), steps)
	}
	summary, _ := archive.Verify(s.vault, "sys-log")
	t.Logf("%v killed; %d files, %d events, %d duplicates; %d stages", count, summary.Files, summary.Events, summary.Duplicates, len(steps))
}
