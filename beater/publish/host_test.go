package publish_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/qubesbeat/qubesbeat/beater/publish"
)

func TestHostID(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ text, want string }{
		{"0123456789abcdef0123456789abcdef\n", "337ff09e-e9bd-4458-a31f-cbab55452a91"},
		{"uninitialized\n", ""}, {"", ""}, {"0123", ""},
	} {
		file := filepath.Join(t.TempDir(), "machine-id")
		if err := os.WriteFile(file, []byte(tt.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := publish.HostID(file); got != tt.want {
			t.Errorf("HostID of %q = %q; want %q", tt.text, got, tt.want)
		}
	}
	if got := publish.HostID("/nonexistent"); got != "" {
		t.Errorf("HostID without a file = %q", got)
	}
}
