package inventory_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/filewatch"
	"github.com/qubesbeat/qubesbeat/internal/inventory"
)

// pollInterval is how often a follower looks.
const pollInterval = time.Second

// A follower is a File with what it reported.
type follower struct {
	*inventory.File
	path  string
	index *inventory.Index

	mu      sync.Mutex
	changes []string
	errs    []error
}

// newFollower returns a follower of a file that does not exist yet.
func newFollower(tb testing.TB, cfg inventory.Config) *follower {
	tb.Helper()

	f := &follower{path: filepath.Join(tb.TempDir(), "inventory"), index: inventory.NewIndex(cfg)}
	f.File = inventory.NewFile(inventory.FileConfig{
		Path: f.path, Index: f.index, Parse: cfg,
		// A watch with inotify would keep the time of a bubble from going on.
		Watch: filewatch.Poll(pollInterval),
		OnChange: func(changes []inventory.Change) {
			f.mu.Lock()
			defer f.mu.Unlock()

			for _, c := range changes {
				f.changes = append(f.changes, changeLine(c))
			}
		},
		OnError: func(err error) {
			f.mu.Lock()
			defer f.mu.Unlock()

			f.errs = append(f.errs, err)
		},
	})

	return f
}

// write replaces the file as dom0 does, by a rename.
func (f *follower) write(tb testing.TB, text string) {
	tb.Helper()

	err := errors.Join(os.WriteFile(f.path+".new", []byte(text), 0o600), os.Rename(f.path+".new", f.path))
	if err != nil {
		tb.Fatal(err)
	}
}

// follow runs the file in a bubble, in which act waits for the next look at the file by calling next.
func follow(t *testing.T, f *follower, act func(next func())) {
	t.Helper()

	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- f.Run(ctx) }()

		<-f.Ready()
		act(func() {
			time.Sleep(pollInterval) // of the bubble, takes no time
			synctest.Wait()
		})
		cancel()

		if err := <-done; err != nil {
			t.Errorf("Run = %v; want nil", err)
		}
	})
}

// want compares what was reported since the last call, and the counters.
func (f *follower) want(tb testing.TB, reloads, failures uint64, lastError string, changes, errs []string) {
	tb.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()

	if diff := cmp.Diff(changes, f.changes); diff != "" {
		tb.Errorf("changes mismatch (-want +got):\n%s", diff)
	}

	got := f.Stats()
	if got.Reloads != reloads || got.Failures != failures {
		tb.Errorf("Stats = %+v; want %d reloads, %d failures", got, reloads, failures)
	}

	if (got.LastError == nil) != (lastError == "") || got.LastError != nil && !strings.Contains(got.LastError.Error(), lastError) {
		tb.Errorf("LastError = %v; want %q", got.LastError, lastError)
	}

	if len(f.errs) != len(errs) {
		tb.Errorf("errors = %v; want %q", f.errs, errs)
	}

	for i, err := range f.errs {
		if i < len(errs) && !strings.Contains(err.Error(), errs[i]) {
			tb.Errorf("error %d = %v; want %q", i, err, errs[i])
		}
	}

	f.changes, f.errs = nil, nil
}

func TestFile_Run(t *testing.T) {
	t.Parallel()

	f := newFollower(t, inventory.Config{})
	f.write(t, "work|10.137.0.6\n")

	if err := f.Load(); err != nil {
		t.Fatal(err)
	}

	f.want(t, 1, 0, "", []string{"appeared ->work "}, nil)

	follow(t, f, func(next func()) {
		next()
		f.want(t, 1, 0, "", nil, nil)

		f.write(t, "work|10.137.0.7\n")
		next()
		f.want(t, 2, 0, "", []string{"changed work>work ip"}, nil)

		// Neither another file with the same text nor one with the same qubes is a change.
		f.write(t, "work|10.137.0.7\n")
		next()
		f.want(t, 2, 0, "", nil, nil)
		f.write(t, "# again\nwork|10.137.0.7\n")
		next()
		f.want(t, 3, 0, "", nil, nil)
	})
}

func TestFile_Run_bad(t *testing.T) {
	t.Parallel()

	const good, bad, worse = "work|10.137.0.6\n", "work|10.137.0.600\n", "|||\n"

	f := newFollower(t, inventory.Config{})
	f.write(t, good)

	if err := f.Load(); err != nil {
		t.Fatal(err)
	}

	f.want(t, 1, 0, "", []string{"appeared ->work "}, nil)

	follow(t, f, func(next func()) {
		f.write(t, bad)
		next()
		f.want(t, 1, 1, "line 1: qube work: ip", nil, []string{f.path + ": parsing inventory: line 1"})

		// The same text in another file is reported only once.
		f.write(t, bad)
		next()
		next()
		f.want(t, 1, 1, "line 1: qube work: ip", nil, nil)

		f.write(t, worse)
		next()
		f.want(t, 1, 2, "has 4 columns", nil, []string{"has 4 columns"})

		if q := f.index.ByName("work"); q == nil {
			t.Error("ByName after a bad file = nil; want the last good one")
		}

		f.write(t, good)
		next()
		f.want(t, 1, 2, "", nil, nil)

		f.write(t, worse)
		next()
		f.want(t, 1, 3, "has 4 columns", nil, []string{"has 4 columns"})
	})
}

func TestFile_Run_missing(t *testing.T) {
	t.Parallel()

	f := newFollower(t, inventory.Config{})

	err := f.Load()
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), f.path+": let dom0 push it") {
		t.Errorf("Load = %v; want the path and the next step", err)
	}

	follow(t, f, func(next func()) {
		next()
		f.want(t, 0, 1, "let dom0 push it", nil, nil)

		f.write(t, "work|10.137.0.6\n")
		next()
		f.want(t, 1, 1, "", []string{"appeared ->work "}, nil)

		if err := os.Remove(f.path); err != nil {
			t.Fatal(err)
		}

		next()
		next()
		f.want(t, 1, 2, "let dom0 push it", nil, []string{"let dom0 push it"})

		f.write(t, "work|10.137.0.6\n")
		next()
		f.want(t, 1, 2, "", nil, nil)
	})
}

// TestFile_Run_sameTime overwrites the file, right after it was loaded, with a text of the same length, and sets the old
// modification time.
func TestFile_Run_sameTime(t *testing.T) {
	t.Parallel()

	f := newFollower(t, inventory.Config{})
	f.write(t, "work|10.137.0.6\n")

	info, err := os.Stat(f.path)
	if err := errors.Join(err, f.Load()); err != nil {
		t.Fatal(err)
	}

	follow(t, f, func(next func()) {
		err := os.WriteFile(f.path, []byte("work|10.137.0.8\n"), 0o600)
		if err := errors.Join(err, os.Chtimes(f.path, time.Time{}, info.ModTime())); err != nil {
			t.Fatal(err)
		}

		next()
		f.want(t, 2, 0, "", []string{"appeared ->work ", "changed work>work ip"}, nil)
	})
}

func TestFile_Load_unusable(t *testing.T) {
	t.Parallel()

	tests := []struct {
		name string
		make func(path string) error
		want string
	}{
		{"directory", func(path string) error { return os.Mkdir(path, 0o700) }, "is not a regular file"},
		{"named pipe", func(path string) error { return syscall.Mkfifo(path, 0o600) }, "is not a regular file"},
		{"big", func(path string) error { return os.WriteFile(path, make([]byte, 101), 0o600) }, "more than 100 bytes"},
		{"no folder", func(path string) error { return os.WriteFile(filepath.Dir(path)+"/x", nil, 0o600) }, "there is no inventory at"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			f := newFollower(t, inventory.Config{MaxSize: 100})
			if err := tt.make(f.path); err != nil {
				t.Fatal(err)
			}

			if err := f.Load(); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Load = %v; want %q", err, tt.want)
			}

			f.want(t, 0, 1, tt.want, nil, nil)
		})
	}
}

// TestNewFile_defaults checks that the functions are optional.
func TestNewFile_defaults(t *testing.T) {
	t.Parallel()

	path := filepath.Join(t.TempDir(), "inventory")
	if err := os.WriteFile(path, []byte("work|10.137.0.6\n"), 0o600); err != nil {
		t.Fatal(err)
	}

	f := inventory.NewFile(inventory.FileConfig{Path: path, Index: new(inventory.Index)})
	if err := f.Load(); err != nil {
		t.Errorf("Load = %v; want nil", err)
	}

	if got, want := f.String(), "inventory file "+path; got != want {
		t.Errorf("String = %s; want %s", got, want)
	}
}

// TestFile_Run_watch follows a file with inotify: neither a poll nor Notify helps.
func TestFile_Run_watch(t *testing.T) {
	t.Parallel()

	path := filepath.Join(t.TempDir(), "inventory")
	changed := make(chan string)
	f := inventory.NewFile(inventory.FileConfig{
		Path: path, Index: new(inventory.Index),
		OnChange: func(changes []inventory.Change) { changed <- changeLine(changes[0]) },
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	<-f.Ready()

	for _, step := range []struct{ text, want string }{
		{"work|10.137.0.6\n", "appeared ->work "}, {"work|10.137.0.7\n", "changed work>work ip"},
	} {
		if err := errors.Join(os.WriteFile(path+".new", []byte(step.text), 0o600), os.Rename(path+".new", path)); err != nil {
			t.Fatal(err)
		}
		select {
		case got := <-changed:
			if got != step.want {
				t.Errorf("change = %s; want %s", got, step.want)
			}
		case <-time.After(filewatch.PollInterval / 3):
			t.Fatalf("no change: %+v", f.Stats())
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run = %v; want nil", err)
	}
}

// TestFile_Notify looks at the file at once, long before a poll.
func TestFile_Notify(t *testing.T) {
	t.Parallel()

	path := filepath.Join(t.TempDir(), "inventory")
	synctest.Test(t, func(t *testing.T) {
		index := new(inventory.Index)
		f := inventory.NewFile(inventory.FileConfig{Path: path, Index: index, Watch: filewatch.Poll(time.Hour)})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- f.Run(ctx) }()
		synctest.Wait()

		if err := os.WriteFile(path, []byte("work|10.137.0.6\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		f.Notify()
		synctest.Wait()
		if index.ByName("work") == nil {
			t.Errorf("the file was not read: %+v", f.Stats())
		}
		cancel()
		<-done
	})
}
