package repotest_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestPackage_doc holds that every package says what it is, in exactly one file.
func TestPackage_doc(t *testing.T) {
	for _, p := range list(t) {
		if p.Doc == "" && len(p.GoFiles) > 0 {
			t.Errorf("%s has no package comment", p.ImportPath)
		}
		said := 0
		for _, f := range p.GoFiles {
			data, err := os.ReadFile(filepath.Join(p.Dir, f))
			if err != nil {
				t.Fatal(err)
			}
			if bytes.HasPrefix(data, []byte("// Package ")) || bytes.HasPrefix(data, []byte("// Command ")) {
				said++
			}
		}
		if said > 1 {
			t.Errorf("%s has %d package comments; want one", p.ImportPath, said)
		}
	}
}

// TestSource_size holds the house's limit: a file has one subject.
func TestSource_size(t *testing.T) {
	const most = 450
	err := filepath.WalkDir("../..", func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.HasSuffix(path, ".go") {
			return err
		}
		data, err := os.ReadFile(path)
		if n := bytes.Count(data, []byte("\n")); n > most {
			t.Errorf("%s has %d lines; want at most %d", path, n, most)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
