package archive_test

import (
	"crypto/sha256"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/archive"
)

// TestReceive_hostile does what a sender can do that was taken over: nothing of it
// changes what is there.
func TestReceive_hostile(t *testing.T) {
	t.Parallel()
	old, half := events(0, 20), events(50, 60)
	forged := event(3, "forged") + "\n"
	for _, tt := range []struct {
		name, input, want string // want is a part of the last answer
		fails             bool
		files             int // that are new
	}{
		{name: "nothing", fails: true},
		{name: "garbage", input: strings.Repeat("\x00\xff garbage", 5000), fails: true},
		{name: "another version", input: "qubesbeat-archive 2\n" + offer(name(1), half), fails: true},
		{name: "a long line", input: hello + "file " + strings.Repeat("a", 1<<20), fails: true},
		{name: "half a message", input: hello + "file " + name(1), fails: true},
		{name: "no message", input: hello + "delete 1\n", fails: true},
		{name: "escape in a name", input: hello + offer("a\x1b[31m.ndjson", half), fails: true},
		{name: "a path", input: hello + offer("../../sys-log/00000001-"+name(0), half), want: "refused the name"},
		{name: "a hidden file", input: hello + offer(".ndjson", half), want: "refused the name"},
		{name: "the manifest", input: hello + offer("manifest", half), want: "refused the name"},
		{name: "gigabytes", input: hello + fmt.Sprintf("file %s %d %x\n", name(1), int64(1)<<40, sha256.Sum256(nil)), want: "refused 1099511627776 bytes"},
		{name: "less than nothing", input: hello + fmt.Sprintf("file %s -1 %x\n", name(1), sha256.Sum256(nil)), want: "refused -1 bytes"},
		{name: "half a file", input: hello + offer(name(1), half) + half[:len(half)/2], fails: true, want: "send"},
		{name: "another file", input: hello + offer(name(1), half) + strings.ToUpper(half), fails: true, want: "send"},
		{name: "no events", input: hello + offer(name(1), strings.Repeat("x\n", 1000)) + strings.Repeat("x\n", 1000), want: "refused there is no event in it: line 1:"},
		{name: "a long line of a file", input: hello + offer(name(1), strings.Repeat("x", 5<<20)) + strings.Repeat("x", 5<<20), want: "refused there is no event"},
		{name: "the same file", input: hello + offer(name(1), old), want: "have 1"},
		{name: "the same name", input: hello + offer(name(0), half) + half, want: "stored 2 10 0 0 0", files: 1},
		{name: "the same events", input: hello + offer(name(1), old+old) + old + old, want: "stored 2 0 40 0 0", files: 1},
		{name: "other events with the same ids", input: hello + offer(name(1), forged+half+forged) + forged + half + forged, want: "stored 2 10 1 1 0", files: 1},
		{name: "lines that are no events", input: hello + offer(name(1), "{\n"+half+`{"id":""}`) + "{\n" + half + `{"id":""}`, want: "stored 2 10 0 0 2", files: 1},
		{name: "more than announced", input: hello + offer(name(1), half) + half + half, want: "stored 2 10 0 0 0", files: 1, fails: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			v := newVault(t)
			if _, err := v.receive(hello + offer(name(0), old) + old); err != nil {
				t.Fatal(err)
			}
			before, lines := v.files(), v.stored()
			answers, err := v.receive(tt.input)
			all := strings.Split(strings.TrimSuffix(answers, "\n"), "\n")
			if last := all[len(all)-1]; (err != nil) != tt.fails || !strings.HasPrefix(last, tt.want) {
				t.Errorf("Receive: %v, %q; want %q and failing = %v", err, last, tt.want, tt.fails)
			}
			v.holds(before, tt.files)
			if got := v.stored(); !cmp.Equal(lines, got[:len(lines)]) {
				t.Errorf("the events have changed: %s", cmp.Diff(lines, got))
			}
		})
	}
}

// holds checks that an archive has what it had, and a number of new files.
func (v *vault) holds(before map[string]string, files int) {
	v.Helper()
	after := v.files()
	if got := len(after) - len(before); got != 2*files {
		v.Errorf("%d files are new; want %d and their identities", got, files)
	}
	for path, text := range before {
		if !strings.HasPrefix(after[path], text) || !strings.HasSuffix(path, "manifest") && after[path] != text {
			v.Errorf("%s has changed", path)
		}
	}
	if s := v.verify(); s.Files != 1+files || s.Partial {
		v.Errorf("Verify = %+v; want %d files", s, 1+files)
	}
}

// Two transfers at once are one: the other is asked to come back.
func TestReceive_parallel(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	store, err := archive.Open(v.conf)
	if err != nil {
		t.Fatal(err)
	}
	if answers, err := v.receive(hello + offer(name(0), events(0, 5))); err == nil || answers != "busy\n" {
		t.Errorf("Receive = %q, %v; want busy", answers, err)
	}
	store.Close()
	other := *v
	other.conf.Sender = "sys-other"
	for _, w := range []*vault{v, &other} {
		if answers, err := w.receive(hello + offer(name(0), events(0, 5)) + events(0, 5)); err != nil || !strings.Contains(answers, "stored 1 5 0") {
			t.Errorf("%s: Receive = %q, %v", w.conf.Sender, answers, err)
		}
	}
}

func TestOpen_sender(t *testing.T) {
	t.Parallel()
	for _, sender := range []string{"", "..", "a/b", "-a", strings.Repeat("a", 65)} {
		v := newVault(t)
		v.conf.Sender = sender
		if _, err := v.receive(hello); err == nil {
			t.Errorf("Receive from %q succeeds", sender)
		}
	}
}

// What a crash leaves is removed, and the file comes again.
func TestOpen_afterCrash(t *testing.T) {
	t.Parallel()
	file := events(20, 30)
	for what, leave := range map[string]func(dir string, entry string){
		"a part of a file": func(dir, _ string) { write(t, dir, "incoming-123", file[:10]) },
		"a file without an entry": func(dir, _ string) {
			write(t, dir, "00000002-"+name(1)+".zst", "part")
			write(t, dir, strings.TrimSuffix("00000002-"+name(1), ".ndjson")+".ids", "")
		},
		"a part of an entry": func(dir, entry string) {
			f, _ := os.OpenFile(filepath.Join(dir, "manifest"), os.O_APPEND|os.O_WRONLY, 0)
			_, _ = f.WriteString(entry[:len(entry)/2])
			_ = f.Close()
		},
	} {
		v := newVault(t)
		if _, err := v.receive(hello + offer(name(0), events(0, 20)) + events(0, 20)); err != nil {
			t.Fatal(err)
		}
		before := v.files()
		dir := filepath.Join(v.conf.Dir, v.conf.Sender)
		leave(dir, before[filepath.Join(dir, "manifest")])
		if answers, err := v.receive(hello + offer(name(1), file) + file); err != nil || !strings.Contains(answers, "stored 2 10 0") {
			t.Errorf("%s: Receive = %q, %v", what, answers, err)
		}
		v.holds(before, 1)
	}
}

func write(t testing.TB, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestVerify notices each change of what is there.
func TestVerify(t *testing.T) {
	t.Parallel()
	change := func(from, to string) func(string) string {
		return func(s string) string { return strings.Replace(s, from, to, 1) }
	}
	lines := func(s string) []string { return strings.SplitAfter(s, "\n") }
	for _, tt := range []struct {
		name, file, want string
		change           func(string) string // "" removes the file
	}{
		{"a changed file", "00000002-" + name(1) + ".zst", "digest", func(s string) string { return s[:9] + "x" + s[10:] }},
		{"a removed file", "00000001-" + name(0) + ".zst", "no such file", func(string) string { return "" }},
		{"a changed entry", "manifest", "the entry was changed", change(`"events":20`, `"events":19`)},
		{"a removed entry", "manifest", "entry 2 comes after entry 0", func(s string) string { return strings.Join(lines(s)[1:], "") }},
		{"entries in another order", "manifest", "comes after", func(s string) string { l := lines(s); return l[0] + l[2] + l[1] }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			v := newVault(t)
			for n := range 3 {
				if _, err := v.receive(hello + offer(name(n), events(20*n, 20*n+20)) + events(20*n, 20*n+20)); err != nil {
					t.Fatal(err)
				}
			}
			path := filepath.Join(v.conf.Dir, v.conf.Sender, tt.file)
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if text := tt.change(string(text)); text == "" {
				_ = os.Remove(path)
			} else {
				write(t, filepath.Dir(path), tt.file, text)
			}
			if _, err := archive.Verify(v.conf.Dir, v.conf.Sender); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Verify = %v; want %q", err, tt.want)
			}
		})
	}
}

// Entries that were cut off show in the digest only.
func TestVerify_hash(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	var hashes []string
	for n := range 2 {
		if _, err := v.receive(hello + offer(name(n), events(20*n, 20*n+20)) + events(20*n, 20*n+20)); err != nil {
			t.Fatal(err)
		}
		hashes = append(hashes, v.verify().Hash)
	}
	path := filepath.Join(v.conf.Dir, v.conf.Sender, "manifest")
	text, _ := os.ReadFile(path)
	write(t, filepath.Dir(path), "manifest", strings.SplitAfter(string(text), "\n")[0])
	if got := v.verify().Hash; got != hashes[0] || hashes[0] == hashes[1] {
		t.Errorf("Hash = %s; was %v", got, hashes)
	}
}

// FuzzReceive sends anything to an archive, which keeps what it has.
func FuzzReceive(f *testing.F) {
	old := events(0, 5)
	f.Add(hello + offer(name(1), events(5, 9)) + events(5, 9))
	f.Add(hello + offer(name(1), old) + "file x 1 2\n")
	f.Add("qubesbeat-archive 1")
	f.Fuzz(func(t *testing.T, input string) {
		v := newVault(t)
		v.conf.MaxFile = 1 << 16
		if _, err := v.receive(hello + offer(name(0), old) + old); err != nil {
			t.Fatal(err)
		}
		_, _ = v.receive(input)
		if got := v.stored(); !cmp.Equal(got[:5], strings.Split(strings.TrimSuffix(old, "\n"), "\n")) {
			t.Errorf("the events have changed: %q", got)
		}
		v.verify()
	})
}

// FuzzSend answers anything to a sender, which deletes nothing that was not acknowledged.
func FuzzSend(f *testing.F) {
	f.Add("ready 0 abc\nsend\nfull no room\n")
	f.Add("ready 0 abc\nrefused because\n")
	f.Add("busy\n")
	f.Fuzz(func(t *testing.T, answers string) {
		folder := newFolder(t)
		folder.conf.Delete = true
		folder.conf.Logger = slog.New(slog.DiscardHandler)
		folder.write(name(1), events(0, 3))
		sent, _ := archive.Send(folder.conf, strings.NewReader(answers), discard{})
		if left, _ := os.ReadDir(folder.conf.Dir); len(left) == 0 && sent.Stored+sent.Known == 0 {
			t.Error("the file is gone without an acknowledgement")
		}
	})
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

// BenchmarkReceive stores a file of 10 MB.
func BenchmarkReceive(b *testing.B) {
	text := ""
	for n := 0; len(text) < 10<<20; n += 1000 {
		text += events(n, n+1000)
	}
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		v := newVault(b)
		v.conf.Now = time.Now
		if _, err := v.receive(hello + offer(name(0), text) + text); err != nil {
			b.Fatal(err)
		}
	}
}
