package inventory_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/guard"
	"github.com/qubesbeat/qubesbeat/internal/inventory"
)

// TestReceiver_Guard refuses the push that causes a panic, keeps it, and takes the next
// one.
func TestReceiver_Guard(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	keeper := guard.New(guard.Config{Dir: dir, Logger: slog.New(slog.DiscardHandler)})
	keeper.Inject("inventory/push=crash")
	s := serve(t, func(c *inventory.ReceiverConfig) { c.Guard = keeper.Part("inventory/push") })
	bad := strings.Replace(pushed, "work", "crash", 1)
	if got := s.call(t, "qubesbeat.Inventory+ dom0\x00"+bad); !strings.Contains(got, "panic") || s.Refused() != 1 {
		t.Errorf("a push that panics: %q, %d refused; want the panic, 1", got, s.Refused())
	}
	if got := s.call(t, "qubesbeat.Inventory+ dom0\x00"+pushed); got != "stored" {
		t.Errorf("the next push: %q; want stored", got)
	}
	files, _ := filepath.Glob(filepath.Join(dir, "inventory_push-*"))
	if len(files) != 1 {
		t.Fatalf("kept %q; want one push", files)
	}
	if b, err := os.ReadFile(files[0]); err != nil || string(b) != bad {
		t.Errorf("kept %q, %v; want %q", b, err, bad)
	}
}
