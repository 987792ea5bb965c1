package dns_test

import (
	"errors"
	"log/slog"
	"slices"
	"testing"

	"github.com/qubesbeat/qubesbeat/config"
	"github.com/qubesbeat/qubesbeat/internal/guard"
)

// TestService_guard makes each part panic at a name. The next query is answered and
// logged, and the counters balance.
func TestService_guard(t *testing.T) {
	t.Parallel()
	for _, part := range []string{"resolver/udp", "resolver/job", "resolver/upstream", "resolver/log"} {
		t.Run(part, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(w *world, _ *config.Resolver) {
				w.guard = guard.New(guard.Config{Logger: slog.New(slog.DiscardHandler)})
				w.guard.Inject(part + "=ads2")
			})
			w.start()
			if part == "resolver/log" {
				w.wantAnswer("ads2.example", "NOERROR", "198.51.100.3")
			} else {
				w.wantAnswer("ads2.example", "SERVFAIL")
			}
			w.wantAnswer("www.example", "NOERROR", "198.51.100.1")
			w.stop()
			if w.guard.Part(part).Panics() == 0 {
				t.Error("no panic was counted")
			}
			if all := w.published(); !slices.Contains(all, "www.example dns-resolved") {
				t.Errorf("published %q; want the query after the panic", all)
			}
			w.balanced()
		})
	}
}

// TestService_Run_stopped ends with an error once nothing is logged any more.
func TestService_Run_stopped(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(w *world, _ *config.Resolver) {
		w.guard = guard.New(guard.Config{Logger: slog.New(slog.DiscardHandler)})
	})
	w.start()
	for p := w.guard.Part("resolver/log"); !p.Stopped(); {
		_ = p.Do(nil, func() { panic("x") })
	}
	if err := <-w.done; !errors.Is(err, guard.ErrStopped) {
		t.Errorf("Run = %v; want %v", err, guard.ErrStopped)
	}
}
