package archive_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/qubesbeat/qubesbeat/internal/archive"
)

var start = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

// event returns the line of an event with a number, without its line feed.
func event(n int, text string) string {
	return fmt.Sprintf(`{"@timestamp":%q,"id":"e%d","text":%q}`, start.Add(time.Duration(n)*time.Second).Format(time.RFC3339Nano), n, text)
}

// events returns the lines of the events from one number to another.
func events(from, to int) string {
	var b strings.Builder
	for n := from; n < to; n++ {
		b.WriteString(event(n, "") + "\n")
	}
	return b.String()
}

// inspect reads lines of that form.
func inspect(line []byte) (string, time.Time, error) {
	var e struct {
		At time.Time `json:"@timestamp"`
		ID string    `json:"id"`
	}
	if err := json.Unmarshal(line, &e); err != nil {
		return "", e.At, err
	}
	if e.ID == "" {
		return "", e.At, errors.New("no id")
	}
	return e.ID, e.At, nil
}

// vault is an archive in a folder of its own.
type vault struct {
	testing.TB
	conf archive.Config
}

func newVault(t testing.TB) *vault {
	t.Helper()
	return &vault{t, archive.Config{Dir: t.TempDir(), Sender: "sys-log", Inspect: inspect, Now: func() time.Time { return start },
		Free: func(string) (int64, error) { return 1 << 40, nil }}}
}

// receive runs a transfer and returns the answers.
func (v *vault) receive(input string) (answers string, err error) {
	var out bytes.Buffer
	err = archive.Receive(v.conf, strings.NewReader(input), &out, slog.New(slog.DiscardHandler))
	return out.String(), err
}

// stored returns all lines of the archive, in order.
func (v *vault) stored() (lines []string) {
	v.Helper()
	paths, _ := filepath.Glob(filepath.Join(v.conf.Dir, v.conf.Sender, "*.zst"))
	for _, path := range paths {
		f, err := os.Open(path)
		if err != nil {
			v.Fatal(err)
		}
		z, err := zstd.NewReader(f)
		if err != nil {
			v.Fatal(err)
		}
		text, err := io.ReadAll(z)
		if err != nil {
			v.Fatal(err)
		}
		z.Close()
		_ = f.Close()
		lines = append(lines, strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")...)
	}
	return lines
}

// verify returns the summary of an archive that has no fault.
func (v *vault) verify() archive.Summary {
	v.Helper()
	s, err := archive.Verify(v.conf.Dir, v.conf.Sender)
	if err != nil {
		v.Errorf("Verify: %v", err)
	}
	return s
}

// files returns the content of all files, by name.
func (v *vault) files() map[string]string {
	v.Helper()
	all := map[string]string{}
	_ = filepath.WalkDir(v.conf.Dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			text, _ := os.ReadFile(path)
			all[path] = string(text)
		}
		return err
	})
	return all
}

// folder is a folder of files of events.
type folder struct {
	testing.TB
	conf archive.SendConfig
}

func newFolder(t testing.TB) *folder {
	t.Helper()
	return &folder{t, archive.SendConfig{Dir: t.TempDir(), Receipts: filepath.Join(t.TempDir(), "receipts"), Logger: slog.New(slog.DiscardHandler)}}
}

// name returns the name of the n-th complete file.
func name(n int) string {
	return "events-host-" + start.Add(time.Duration(n)*time.Hour).Format("20060102T150405.000Z") + ".ndjson"
}

func (f *folder) write(name, text string) {
	f.Helper()
	if err := os.WriteFile(filepath.Join(f.conf.Dir, name), []byte(text), 0o600); err != nil {
		f.Fatal(err)
	}
}

// send sends the files to an archive.
func (f *folder) send(v *vault) (archive.Sent, error) {
	there, here := io.Pipe()
	back, answers := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := archive.Receive(v.conf, there, answers, slog.New(slog.DiscardHandler))
		_ = answers.Close()
		_ = there.Close()
		ended <- err
	}()
	sent, err := archive.Send(f.conf, back, here)
	_ = here.Close()
	if received := <-ended; err == nil && received != nil {
		f.Errorf("Receive: %v", received)
	}
	return sent, err
}

// offer is an offer of a file with a text.
func offer(name, text string) string {
	return fmt.Sprintf("file %s %d %x\n", name, len(text), sha256.Sum256([]byte(text)))
}

const hello = "qubesbeat-archive 1\n"

func TestSend(t *testing.T) {
	t.Parallel()
	v, f := newVault(t), newFolder(t)
	f.write(name(2), events(20, 30)+events(0, 5)) // five were in a file before
	f.write(name(1), events(0, 20))
	f.write("events.ndjson", events(30, 31)) // in use
	f.write(name(3), "")
	sent, err := f.send(v)
	if want := (archive.Sent{Stored: 2, Events: 30, Duplicates: 5}); err != nil || sent != want {
		t.Errorf("Send = %+v, %v; want %+v", sent, err, want)
	}
	if want := strings.Split(strings.TrimSuffix(events(0, 30), "\n"), "\n"); !cmp.Equal(v.stored(), want) {
		t.Errorf("stored: %s", cmp.Diff(want, v.stored()))
	}
	if s := v.verify(); s.Files != 2 || s.Events != 30 || s.Duplicates != 5 || !s.First.Equal(start) || !s.Last.Equal(start.Add(29*time.Second)) {
		t.Errorf("Verify = %+v", s)
	}
	for path := range v.files() {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has the mode %v, %v", path, info.Mode(), err)
		}
	}
}

func TestSend_again(t *testing.T) {
	t.Parallel()
	for what, forget := range map[string]bool{"with receipts": false, "without": true} {
		v, f := newVault(t), newFolder(t)
		f.write(name(1), events(0, 20))
		if _, err := f.send(v); err != nil {
			t.Fatal(err)
		}
		before := v.files()
		if forget {
			_ = os.Remove(f.conf.Receipts)
		}
		f.conf.Delete = true
		sent, err := f.send(v)
		if want := (archive.Sent{Known: 1, Deleted: 1}); err != nil || sent != want {
			t.Errorf("%s: Send = %+v, %v; want %+v", what, sent, err, want)
		}
		if after := v.files(); !cmp.Equal(before, after) {
			t.Errorf("%s: the archive has changed", what)
		}
		if left, _ := os.ReadDir(f.conf.Dir); len(left) != 0 {
			t.Errorf("%s: %d files are left", what, len(left))
		}
	}
}

// What is not acknowledged is never deleted, whatever the reason.
func TestSend_kept(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		set     func(*archive.Config)
		text    string
		want    error
		refused int
	}{
		{"no room", func(c *archive.Config) { c.MaxBytes = 100 }, events(0, 5), archive.ErrWait, 0},
		{"too many files", func(c *archive.Config) { c.MaxFiles = 1 }, events(0, 5), archive.ErrWait, 0},
		{"disk full", func(c *archive.Config) { c.Free = func(string) (int64, error) { return 1 << 20, nil } }, events(0, 5), archive.ErrWait, 0},
		{"too large", func(c *archive.Config) { c.MaxFile = 50 }, events(0, 5), nil, 1},
		{"no events", func(*archive.Config) {}, "garbage\n", nil, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			v, f := newVault(t), newFolder(t)
			if tt.name == "too many files" {
				f.write(name(0), events(100, 101))
			}
			if _, err := f.send(v); err != nil {
				t.Fatal(err)
			}
			tt.set(&v.conf)
			f.conf.Delete = true
			f.write(name(1), tt.text)
			for range 2 { // the answer is remembered
				sent, err := f.send(v)
				if !errors.Is(err, tt.want) || sent.Refused != tt.refused {
					t.Errorf("Send = %+v, %v; want %v and %d refused", sent, err, tt.want, tt.refused)
				}
			}
			if _, err := os.Stat(filepath.Join(f.conf.Dir, name(1))); err != nil {
				t.Error(err)
			}
		})
	}
}

// A sender notices that the archive is not the one it knows, and sends what it has.
func TestSend_otherArchive(t *testing.T) {
	t.Parallel()
	v, f := newVault(t), newFolder(t)
	var log bytes.Buffer
	f.conf.Logger = slog.New(slog.NewTextHandler(&log, nil))
	f.write(name(1), events(0, 20))
	if _, err := f.send(v); err != nil || log.Len() > 0 {
		t.Fatal(err, log.String())
	}
	sent, err := f.send(newVault(t))
	if err != nil || sent.Stored != 1 || !strings.Contains(log.String(), "not the one of the last transfer") {
		t.Errorf("Send = %+v, %v; log: %s", sent, err, log.String())
	}
}
