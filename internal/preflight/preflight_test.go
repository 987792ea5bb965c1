package preflight_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/preflight"
)

// TestFile accepts files that can be read, and nothing else.
func TestFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, ok := range map[string]bool{file: true, dir: false, filepath.Join(dir, "absent"): false} {
		if err := preflight.File(path); (err == nil) != ok {
			t.Errorf("File(%s) = %v; want success: %v", path, err, ok)
		}
	}
}

// TestDir accepts directories that exist or can be made, and leaves nothing in
// them.
func TestDir(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		path       string
		exists, ok bool
	}{
		{dir, true, true},
		{filepath.Join(dir, "a", "b"), false, true},
		{filepath.Join(file, "a"), false, false},
		{"/proc/nowhere", false, false},
	} {
		exists, err := preflight.Dir(tt.path)
		if exists != tt.exists || (err == nil) != tt.ok {
			t.Errorf("Dir(%s) = %v, %v; want %v, success: %v", tt.path, exists, err, tt.exists, tt.ok)
		}
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 {
		t.Errorf("after Dir, %d entries, %v; want the file alone", len(left), err)
	}
}

// TestSocket refuses paths at which no socket can be made.
func TestSocket(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for path, ok := range map[string]bool{
		filepath.Join(dir, "s"): true,
		dir:                     false,
		"/proc/nowhere/s":       false,
		"/tmp/" + strings.Repeat("long", maxPath/4+1): false,
	} {
		if err := preflight.Socket(path); (err == nil) != ok {
			t.Errorf("Socket(%s) = %v; want success: %v", path, err, ok)
		}
	}
}

// maxPath is more than the kernel takes for a socket.
const maxPath = 108
