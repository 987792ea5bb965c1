// Package golden compares documents with golden files, for tests.
package golden

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/testbed/strict"
)

// Compare compares fields, as indented JSON, with testdata/NAME.golden.json of the test's
// package. If update is set, it writes the file first.
func Compare(t *testing.T, name string, fields map[string]any, update bool) {
	t.Helper()
	got, err := json.MarshalIndent(fields, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	strict.Check(t, name, got)
	got = append(got, '\n')
	file := filepath.Join("testdata", name+".golden.json")
	if update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v: run go test with -update and review the file", err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("document mismatch (-want +got):\n%s", diff)
	}
}
