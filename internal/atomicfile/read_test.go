package atomicfile_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/atomicfile"
)

// TestRead reads what there is, puts aside what is refused, and removes what was not finished.
func TestRead(t *testing.T) {
	t.Parallel()
	refused := errors.New("refused")
	for _, tt := range []struct {
		name, content, want, aside string
		parsed, err                error
	}{
		{"none", "", "", "", nil, nil},
		{"good", "text", "text", "", nil, nil},
		{"refused", "text", "text", "text", refused, refused},
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, "file")
		for name, text := range map[string]string{path: tt.content, filepath.Join(dir, ".file-123"): "half"} {
			if text == "" {
				continue
			}
			if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		got := ""
		err := atomicfile.Read(path, func(data []byte) error { got = string(data); return tt.parsed })
		if got != tt.want || !errors.Is(err, tt.err) {
			t.Errorf("%s: read %q, %v; want %q, %v", tt.name, got, err, tt.want, tt.err)
		}
		aside, _ := os.ReadFile(path + atomicfile.Aside)
		left, _ := os.ReadFile(path)
		if string(aside) != tt.aside || string(left)+string(aside) != tt.content {
			t.Errorf("%s: %q was put aside, %q is left; want %q of %q", tt.name, aside, left, tt.aside, tt.content)
		}
		if _, err := os.Stat(filepath.Join(dir, ".file-123")); err == nil {
			t.Errorf("%s: an unfinished file is still there", tt.name)
		}
	}
}
