package evaluate_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/detect/evaluate"
)

// TestReadSet_paths takes names of files as relative to the list, unless they begin with a slash.
func TestReadSet_paths(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "files.tsv")
	list := "side\tclass\tlabel\texpect\tfile\ndev\tbenign\ta\t\tsub/a.pcap\ndev\tbenign\tb\t\t/captures/b.pcap\n"
	if err := os.WriteFile(path, []byte(list), 0o600); err != nil {
		t.Fatal(err)
	}
	files, err := evaluate.ReadSet(path)
	if err != nil || len(files) != 2 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	if a, b := files[0].Path, files[1].Path; a != filepath.Join(dir, "sub/a.pcap") || b != "/captures/b.pcap" {
		t.Errorf("paths are %s and %s", a, b)
	}
}
