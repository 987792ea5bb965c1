package kernellog_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/filewatch"
	"github.com/qubesbeat/qubesbeat/internal/kernellog"
)

// TestFile_Poll follows a file that grows, is truncated, rotated and replaced.
func TestFile_Poll(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "kern.log")
	write := func(text string, flag int) {
		t.Helper()
		f, err := os.OpenFile(path, flag|os.O_WRONLY|os.O_CREATE, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteString(text); err != nil || f.Close() != nil {
			t.Fatal(err)
		}
	}
	write("old\n", 0)
	var got []string
	f, err := kernellog.OpenFile(kernellog.FileConfig{Path: path, OnLine: func(line string) { got = append(got, line) }})
	if err != nil {
		t.Fatal(err)
	}
	f.Poll()
	write("one\ntw", os.O_APPEND)
	f.Poll()
	write("o\n", os.O_APPEND)
	f.Poll()
	write("cut\n", os.O_TRUNC)
	f.Poll()
	write("late\n", os.O_APPEND)
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	f.Poll()
	write("new\n"+strings.Repeat("x", kernellog.MaxLine+1)+"\nlast\n", 0)
	f.Poll()
	f.Poll()
	if diff := cmp.Diff([]string{"one", "two", "cut", "late", "new", "last"}, got); diff != "" || f.TooLong() != 1 {
		t.Errorf("lines mismatch, %d too long (-want +got):\n%s", f.TooLong(), diff)
	}
}

func TestOpenFile(t *testing.T) {
	t.Parallel()
	if _, err := kernellog.OpenFile(kernellog.FileConfig{Path: t.TempDir()}); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("OpenFile of a directory = %v", err)
	}
	if _, err := kernellog.OpenFile(kernellog.FileConfig{Path: filepath.Join(t.TempDir(), "none yet")}); err != nil {
		t.Errorf("OpenFile of a missing file = %v", err)
	}
}

// TestFile_Run reads a line as soon as it is written, without a poll, and the last ones
// before it returns.
func TestFile_Run(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "kern.log")
	lines, failed := make(chan string, 10), make(chan error, 1)
	f, err := kernellog.OpenFile(kernellog.FileConfig{Path: path,
		OnLine: func(line string) { lines <- line }, OnError: func(err error) { failed <- err }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("one\n")
	select {
	case line := <-lines:
		if line != "one" {
			t.Errorf("line = %q; want one", line)
		}
	case <-time.After(filewatch.PollInterval / 3):
		t.Error("the line was not read")
	}

	// What replaces the log but cannot be read is an error.
	if err := os.Mkdir(path+".new", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-failed:
		if !strings.Contains(err.Error(), "not a regular file") {
			t.Errorf("OnError(%v); want not a regular file", err)
		}
	case <-time.After(filewatch.PollInterval / 3):
		t.Error("OnError was not called")
	}

	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	write("last\n")
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run = %v; want nil", err)
	}
	if line := <-lines; line != "last" {
		t.Errorf("line = %q; want last", line)
	}
}

// TestKmsg_Close ends Run at once.
func TestKmsg_Close(t *testing.T) {
	t.Parallel()
	k, err := kernellog.OpenKmsg(kernellog.KmsgPath)
	if err != nil {
		t.Skipf("no kernel log: %v", err)
	}
	done := make(chan error, 1)
	go func() { done <- k.Run(nil, func(string, time.Time) {}) }()
	begun := time.Now()
	if err := k.Close(); err != nil {
		t.Errorf("Close = %v", err)
	}
	if err := <-done; err != nil {
		t.Errorf("Run = %v; want nil", err)
	}
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("Run returned after %v", took)
	}
}
