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

	"github.com/qubesbeat/qubesbeat/internal/inventory"
)

// A follower is a File with what it told.
type follower struct {
	*inventory.File
	path  string
	index *inventory.Index

	mu      sync.Mutex
	changes []string
	errs    []error
}

// newFollower returns a follower of a file that does not exist yet.
func newFollower(tb testing.TB, opts inventory.Options) *follower {
	tb.Helper()

	f := &follower{path: filepath.Join(tb.TempDir(), "inventory"), index: inventory.NewIndex(opts)}
	f.File = inventory.NewFile(f.path, f.index, opts,
		func(changes []inventory.Change) {
			f.mu.Lock()
			defer f.mu.Unlock()

			for _, c := range changes {
				f.changes = append(f.changes, changeLine(c))
			}
		},
		func(err error) {
			f.mu.Lock()
			defer f.mu.Unlock()

			f.errs = append(f.errs, err)
		})

	return f
}

// write replaces the file as dom0 does: by a rename, so that it is there as a whole.
func (f *follower) write(tb testing.TB, text string) {
	tb.Helper()

	err := errors.Join(os.WriteFile(f.path+".new", []byte(text), 0o600), os.Rename(f.path+".new", f.path))
	if err != nil {
		tb.Fatal(err)
	}
}

// follow runs the file in a bubble, where act may wait for looks at the file with next.
func follow(t *testing.T, f *follower, act func(next func())) {
	t.Helper()

	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- f.Run(ctx) }()

		<-f.Ready()
		act(func() {
			time.Sleep(inventory.DefaultPoll) // of the bubble, takes no time
			synctest.Wait()
		})
		cancel()

		if err := <-done; err != nil {
			t.Errorf("Run = %v; want nil", err)
		}
	})
}

// want compares what was told since the last call, and the counters.
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

	f := newFollower(t, inventory.Options{})
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

		// Another file with the same text is no news, and neither is one with the same qubes.
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

	f := newFollower(t, inventory.Options{})
	f.write(t, good)

	if err := f.Load(); err != nil {
		t.Fatal(err)
	}

	f.want(t, 1, 0, "", []string{"appeared ->work "}, nil)

	follow(t, f, func(next func()) {
		f.write(t, bad)
		next()
		f.want(t, 1, 1, "line 1: qube work: ip", nil, []string{f.path + ": parsing inventory: line 1"})

		// The same again, in another file, is told once only.
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

	f := newFollower(t, inventory.Options{})

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

// TestFile_Run_sameTime writes as much as there was, in place and with the old modification time, at once after.
func TestFile_Run_sameTime(t *testing.T) {
	t.Parallel()

	f := newFollower(t, inventory.Options{})
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

			f := newFollower(t, inventory.Options{MaxSize: 100})
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

// TestNewFile_defaults has no functions to call.
func TestNewFile_defaults(t *testing.T) {
	t.Parallel()

	path := filepath.Join(t.TempDir(), "inventory")
	if err := os.WriteFile(path, []byte("work|10.137.0.6\n"), 0o600); err != nil {
		t.Fatal(err)
	}

	f := inventory.NewFile(path, new(inventory.Index), inventory.Options{}, nil, nil)
	if err := f.Load(); err != nil {
		t.Errorf("Load = %v; want nil", err)
	}

	if got, want := f.String(), "inventory file "+path; got != want {
		t.Errorf("String = %s; want %s", got, want)
	}
}
