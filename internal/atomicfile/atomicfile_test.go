package atomicfile_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/atomicfile"
)

func TestWrite(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	for _, text := range []string{"old", "new"} {
		if err := atomicfile.Write(path, []byte(text)); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != text || info.Mode().Perm() != 0o600 {
			t.Errorf("%q, %v, mode %v; want %q", got, err, info.Mode(), text)
		}
	}
	alone(t, dir)
}

// What cannot be replaced stays, and nothing is left beside it.
func TestWrite_fault(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "file", "full"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := atomicfile.Write(filepath.Join(dir, "file"), []byte("new")); err == nil {
		t.Error("a folder was replaced")
	}
	alone(t, dir)
	if err := atomicfile.Write(filepath.Join(dir, "nowhere", "file"), nil); err == nil {
		t.Error("a file was written into a folder that is not there")
	}
}

func alone(t *testing.T, dir string) {
	t.Helper()
	if all, err := os.ReadDir(dir); err != nil || len(all) != 1 {
		t.Errorf("the folder has %v, %v; want one name", all, err)
	}
}
