package upstream_test

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/guard"
	"github.com/qubesbeat/qubesbeat/internal/upstream"
)

// TestGroup_Guard takes an answer that causes a panic for none, keeps it, and asks
// the server again for the next name.
func TestGroup_Guard(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		scheme string
		serve  func(t testing.TB, do func(x *exchange)) *server
	}{{"udp", udp}, {"tcp", tcp}} {
		t.Run(tt.scheme, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			keeper := guard.New(guard.Config{Dir: dir, Logger: slog.New(slog.DiscardHandler)})
			keeper.Inject("resolver/upstream=crash")
			s := tt.serve(t, says("192.0.2.1"))
			g := newGroup(t, upstream.Strict, func(c *upstream.Config) { c.Guard = keeper.Part("resolver/upstream") }, tt.scheme+"://"+s.addr)
			if got, _, err := askFor(t, g, "crash.example"); err == nil {
				t.Errorf("Ask = %s, %v; want an error", got, err)
			}
			if got, _, err := askFor(t, g, "fine.example"); err != nil || got != "192.0.2.1" {
				t.Errorf("Ask for the next name = %s, %v; want 192.0.2.1", got, err)
			}
			if n := keeper.Part("resolver/upstream").Panics(); n < 1 || n > 2*upstream.MaxAttempts {
				t.Errorf("%d panics; want one for each answer", n)
			}
			files, _ := filepath.Glob(filepath.Join(dir, "resolver_upstream-*"))
			if len(files) != 1 {
				t.Fatalf("kept %q; want one answer", files)
			}
			if b, err := os.ReadFile(files[0]); err != nil || !strings.Contains(string(b), "crash") {
				t.Errorf("kept %q, %v; want the answer", b, err)
			}
		})
	}
}

// TestGroup_Guard_strict wraps the panic in the error of the attempt.
func TestGroup_Guard_strict(t *testing.T) {
	t.Parallel()
	keeper := guard.New(guard.Config{Logger: slog.New(slog.DiscardHandler)})
	keeper.Inject("resolver/upstream=crash")
	s := udp(t, says("192.0.2.1"))
	g := newGroup(t, upstream.Strict, func(c *upstream.Config) { c.Guard = keeper.Part("resolver/upstream") }, "udp://"+s.addr)
	if _, _, err := askFor(t, g, "crash.example"); !errors.Is(err, guard.ErrPanic) {
		t.Errorf("Ask = %v; want %v", err, guard.ErrPanic)
	}
}
