package verify

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/config"
)

// TestService_isStale looks at the age of the inventory's file, of a live beat that has a limit.
func TestService_isStale(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "inventory")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		file  string
		limit time.Duration
		live  bool
		after time.Duration
		want  bool
	}{
		"fresh": {file, time.Hour, true, time.Minute, false}, "old": {file, time.Hour, true, 2 * time.Hour, true}, "no limit": {file, 0, true, 1000 * time.Hour, false},
		"gone": {file + "x", time.Hour, true, 0, true}, "a replay": {file, time.Hour, false, 2 * time.Hour, false}, "none": {"", time.Hour, true, 2 * time.Hour, false},
	} {
		s := &Service{conf: Config{Live: tt.live, Inventory: tt.file, Verify: config.Verify{InventoryAge: config.Duration(tt.limit)}}}
		if got := s.isStale(time.Now().Add(tt.after)); got != tt.want {
			t.Errorf("%s: %v; want %v", name, got, tt.want)
		}
	}
}
