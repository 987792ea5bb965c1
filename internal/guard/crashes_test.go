package guard_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/guard"
)

// crash makes a part panic on an input.
func crash(p *guard.Part, input []byte) {
	defer p.Recover(&input)
	panic("x")
}

// files returns the names in a directory.
func files(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// TestKeeper_Dir keeps the first 4 KiB of an input, for its owner only, and once for
// each stack, also over a restart.
func TestKeeper_Dir(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data", "crashes")
	input := bytes.Repeat([]byte("0123456789abcdef"), 512)
	for range 2 { // two runs of the program
		k, _ := newKeeper(dir)
		for range 3 {
			crash(k.Part("resolver/udp-4"), input)
		}
	}
	names := files(t, dir)
	if len(names) != 1 || !regexp.MustCompile(`^resolver_udp_4-20\d{6}T\d{6}\.\d{9}Z-[0-9a-f]{12}\.bin$`).MatchString(names[0]) {
		t.Fatalf("the directory has %q; want one file", names)
	}
	got, err := os.ReadFile(filepath.Join(dir, names[0]))
	if err != nil || !bytes.Equal(got, input[:4096]) {
		t.Errorf("the file has %d bytes, %v; want the first 4096 of the input", len(got), err)
	}
	for path, want := range map[string]fs.FileMode{dir: 0o700, filepath.Join(dir, names[0]): 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s has mode %v, %v; want %v", path, info.Mode(), err, want)
		}
	}
}

// TestKeeper_Dir_bounded removes the oldest files, and none that are not ours.
func TestKeeper_Dir_bounded(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		parts int // with files of their own
		each  int // files
		left  int // of all files, with that of the crash
		gone  string
	}{
		{"room", 1, 7, 8, ""},
		{"too many of the part", 1, 8, 8, "part0-20200101T000000.000000000Z-000000000000.bin"},
		{"far too many of the part", 1, 20, 8, "part0-20200101T000000.000000011Z-000000000000.bin"},
		{"too many in all", 6, 6, 32, "part5-20200101T000000.000000000Z-000000000000.bin"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for part := range tt.parts {
				for n := range tt.each {
					name := fmt.Sprintf("part%d-20200101T000000.%09dZ-000000000000.bin", part, n)
					if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
						t.Fatal(err)
					}
				}
			}
			if err := os.WriteFile(filepath.Join(dir, "notes-of-mine.txt"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			k, l := newKeeper(dir)
			crash(k.Part("part0"), []byte("x"))
			if got := len(files(t, dir)) - 1; got != tt.left || l.count("keeping the input") != 0 {
				t.Errorf("%d files; want %d; log:\n%s", got, tt.left, &l.b)
			}
			if tt.gone != "" {
				if _, err := os.Stat(filepath.Join(dir, tt.gone)); err == nil {
					t.Errorf("%s is still there", tt.gone)
				}
			}
			if _, err := os.Stat(filepath.Join(dir, "notes-of-mine.txt")); err != nil {
				t.Errorf("a file of somebody else is gone: %v", err)
			}
		})
	}
}

// TestKeeper_Dir_fails recovers without the file.
func TestKeeper_Dir_fails(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	k, l := newKeeper(filepath.Join(file, "crashes"))
	crash(k.Part("part"), []byte("x"))
	if l.count("keeping the input of a panic") != 1 || l.count("recovered from a panic") != 1 {
		t.Errorf("logged:\n%s", &l.b)
	}
}

// TestKeeper_stacks distinguishes stacks by the frames next to the panic: a
// recursion is one stack at every depth.
func TestKeeper_stacks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		k, l := newKeeper(dir)
		for depth := range 40 {
			crashAt(k.Part("part"), 20+depth)
			time.Sleep(time.Second)
		}
		if got := l.count("recovered from a panic"); got != 1 || len(files(t, dir)) != 1 {
			t.Errorf("%d logged, %d files; want 1 of each", got, len(files(t, dir)))
		}
		crash(k.Part("part"), []byte("x"))
		if got := l.count("recovered from a panic"); got != 2 || len(files(t, dir)) != 2 {
			t.Errorf("%d logged, %d files; want 2 of each", got, len(files(t, dir)))
		}
	})
}

func crashAt(p *guard.Part, depth int) {
	input := []byte("x")
	defer p.Recover(&input)
	recurse(depth)
}

//go:noinline
func recurse(depth int) int {
	if depth == 0 {
		panic("deep")
	}
	return recurse(depth-1) + 1
}
