package filelock_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/qubesbeat/qubesbeat/internal/filelock"
)

// TestTry takes a lock, sees that a second one is refused, and takes it once the first
// is given back, although a copy of the open file is left, as in a child process.
func TestTry(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lock")
	first, second, look := open(t, path), open(t, path), open(t, path)
	check(t, filelock.Try(first))
	if err := filelock.Try(second); !errors.Is(err, filelock.ErrHeld) || !filelock.Held(look) {
		t.Errorf("a second lock: %v; held: %v", err, filelock.Held(look))
	}
	inherited, err := unix.Dup(int(first.Fd()))
	check(t, err)
	defer unix.Close(inherited)
	check(t, filelock.Release(first))
	if filelock.Held(look) {
		t.Error("a lock that was given back is held")
	}
	check(t, filelock.Try(second))
}

// TestTry_waits has a copy of the open file hold the lock for a while after the file was
// closed.
func TestTry_waits(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lock")
	first, second := open(t, path), open(t, path)
	check(t, filelock.Try(first))
	inherited, err := unix.Dup(int(first.Fd()))
	check(t, err)
	check(t, first.Close())
	begun := make(chan struct{})
	go func() {
		<-begun
		_ = unix.Close(inherited)
	}()
	close(begun)
	check(t, filelock.Try(second))
}

// TestTry_fault passes on what the kernel says of a file that is closed.
func TestTry_fault(t *testing.T) {
	t.Parallel()
	f := open(t, filepath.Join(t.TempDir(), "lock"))
	check(t, f.Close())
	if err := filelock.Try(f); !errors.Is(err, unix.EBADF) {
		t.Errorf("a closed file: %v", err)
	}
}

func open(t *testing.T, path string) *os.File {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	check(t, err)
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
