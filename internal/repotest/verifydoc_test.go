package repotest_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/verify"
)

// TestVerify_documented holds that docs/verify.md has every check, every reason, and that
// every check is explained.
func TestVerify_documented(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(filepath.Join(root, "docs/verify.md"))
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	for i := range verify.Checks {
		c := verify.Check(i)
		if !strings.Contains(text, c.String()) || c.Explain().Proves == "" || c.Name() == "" || c.Category() == "" {
			t.Errorf("%v is not explained, or not in docs/verify.md", c)
		}
	}
	for r := verify.NoTraffic; r < verify.Off; r++ {
		if !strings.Contains(text, "`"+r.String()+"`") {
			t.Errorf("docs/verify.md does not have the reason %v", r)
		}
	}
}
