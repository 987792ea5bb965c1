package kernellog_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/kernellog"
)

// TestFile_Poll follows a file through everything that happens to logs.
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
	f, err := kernellog.OpenFile(path, func(line string) { got = append(got, line) })
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
	if _, err := kernellog.OpenFile(t.TempDir(), nil); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("OpenFile of a folder = %v", err)
	}
	if _, err := kernellog.OpenFile(filepath.Join(t.TempDir(), "none yet"), nil); err != nil {
		t.Errorf("OpenFile of a file that will come = %v", err)
	}
}
