package lists_test

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/guard"
	"github.com/qubesbeat/qubesbeat/internal/lists"
)

// TestManager_Guard loads the other lists if one causes a panic.
func TestManager_Guard(t *testing.T) {
	t.Parallel()
	keeper := guard.New(guard.Config{Logger: slog.New(slog.DiscardHandler)})
	keeper.Inject("resolver/lists=crash")
	m := manager(t, func(c *lists.Config) { c.Guard = keeper.Part("resolver/lists") }, "crash.example\n", "fine.example\n")
	table, err := m.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !blocks(t, table, "fine.example", 2) || blocks(t, table, "crash.example", 2) {
		t.Error("the list without a panic is not in use, or the other one is")
	}
	if st := m.Status(); st[0].Err == "" || st[1].Err != "" {
		t.Errorf("Status = %+v; want an error of the first list only", st)
	}
}

// TestManager_Guard_refresh names the list that causes a panic.
func TestManager_Guard_refresh(t *testing.T) {
	t.Parallel()
	keeper := guard.New(guard.Config{Logger: slog.New(slog.DiscardHandler)})
	keeper.Inject("resolver/lists=crash")
	m := manager(t, func(c *lists.Config) { c.Guard = keeper.Part("resolver/lists") }, write(t, "crash.example\n"), write(t, "fine.example\n"))
	table, err := m.Refresh(t.Context(), false)
	if !errors.Is(err, guard.ErrPanic) || table == nil || !blocks(t, table, "fine.example", 2) {
		t.Errorf("Refresh = %v, %v; want a table of the other list and %v", table, err, guard.ErrPanic)
	}
}

// write writes a list and returns its path.
func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "list")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
