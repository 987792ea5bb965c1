package filewatch_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/filewatch"
)

// watch starts to watch a path and takes the report that comes at once.
func watch(t *testing.T, path string) <-chan struct{} {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	changed := filewatch.Watch(ctx, path)
	t.Cleanup(func() {
		cancel()
		for range changed {
		}
	})
	want(t, changed, "the start")
	return changed
}

// want waits for a report. It gives up before a poll could make one.
func want(t *testing.T, changed <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-changed:
	case <-time.After(filewatch.PollInterval / 3):
		t.Fatalf("no report of %s", what)
	}
}

// must ends the test if err is not nil.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestWatch(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		before func(path string) error
		change func(path string) error
	}{
		{"appended", touch, func(path string) error { return write(path, os.O_APPEND) }},
		{"truncated", touch, func(path string) error { return os.Truncate(path, 0) }},
		{"made", nil, touch},
		{"removed", touch, os.Remove},
		{"moved away", touch, func(path string) error { return os.Rename(path, path+".1") }},
		{"replaced", touch, func(path string) error {
			if err := touch(path + ".new"); err != nil {
				return err
			}
			return os.Rename(path+".new", path)
		}},
		{"made with its folders", func(path string) error { return os.Remove(filepath.Dir(path)) }, func(path string) error {
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				return err
			}
			return touch(path)
		}},
		{"folder replaced", touch, func(path string) error { return os.Rename(filepath.Dir(path), filepath.Dir(path)+".1") }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "folder", "file")
			must(t, os.Mkdir(filepath.Dir(path), 0o700))
			if tt.before != nil {
				must(t, tt.before(path))
			}
			changed := watch(t, path)
			must(t, tt.change(path))
			want(t, changed, tt.name)
		})
	}
}

// TestWatch_replaced follows a file that was replaced to its successor.
func TestWatch_replaced(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "file")
	must(t, touch(path))
	changed := watch(t, path)
	for range 3 {
		must(t, touch(path+".new"))
		must(t, os.Rename(path+".new", path))
		want(t, changed, "the rename") // sent when the new file is watched
		must(t, write(path, os.O_APPEND))
		want(t, changed, "the line in the new file")
	}
}

// TestWatch_other reports nothing of the other files of the folder.
func TestWatch_other(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	must(t, touch(filepath.Join(dir, "other")))
	must(t, touch(filepath.Join(dir, "file")))
	changed, other := watch(t, filepath.Join(dir, "file")), watch(t, filepath.Join(dir, "other"))
	must(t, write(filepath.Join(dir, "other"), os.O_APPEND))
	want(t, other, "the other file")
	must(t, touch(filepath.Join(dir, "third")))
	select {
	case <-changed:
		t.Error("reported a change of another file")
	default:
	}
}

// TestWatch_end closes the channel when the context ends, at once.
func TestWatch_end(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	changed := filewatch.Watch(ctx, filepath.Join(t.TempDir(), "file"))
	want(t, changed, "the start")
	begun := time.Now()
	cancel()
	for range changed {
	}
	if took := time.Since(begun); took > filewatch.PollInterval/3 {
		t.Errorf("the channel was closed after %v", took)
	}
}

func TestPoll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		begun := time.Now()
		changed := filewatch.Poll(time.Minute)(ctx, "file")
		for range 3 {
			<-changed
		}
		if took := time.Since(begun); took != 2*time.Minute {
			t.Errorf("three reports took %v; want two minutes", took)
		}
		cancel()
		for range changed {
		}
	})
}

// touch makes a file.
func touch(path string) error { return write(path, os.O_CREATE) }

// write adds a line to a file.
func write(path string, flag int) error {
	f, err := os.OpenFile(path, os.O_WRONLY|flag, 0o600)
	if err != nil {
		return err
	}
	if _, err := f.WriteString("line\n"); err != nil {
		return err
	}
	return f.Close()
}
