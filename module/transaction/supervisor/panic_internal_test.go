package supervisor

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/guard"
	"github.com/qubesbeat/qubesbeat/module/transaction/wire/wiretest"
)

// lines is a log. It is safe for concurrent use.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

// TestSupervisor_panics counts the panics that the process has recovered from, logs one
// of them, and stops the analyzer at the 100th: its packets are lost, those of others
// are analyzed.
func TestSupervisor_panics(t *testing.T) {
	t.Parallel()
	var log lines
	keeper := guard.New(guard.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	r := superviseWith(t, func(c *Config) { c.Guard = keeper }, fake, map[string]any{"type": "other", "port": 81})
	r.queue.Push(newPacket(6, 5000, wiretest.PanicOfNone))
	for i := range 100 {
		r.queue.Push(newPacket(6, uint16(1+i), wiretest.Panic))
	}
	part := keeper.Part("transactions/fake")
	<-part.Done()
	r.queue.Push(newPacket(6, 5001, "of a stopped analyzer"))
	other := newPacket(6, 5002, "of another")
	other.DstPort = 81
	r.queue.Push(other)
	r.finish()
	if got := fmt.Sprint(r.texts); got != "[vif6.0 of another]" {
		t.Errorf("events %s; want that of the other analyzer", got)
	}
	own, _ := r.Stats()
	if part.Panics() != 100 || own.Lost != 1 || own.Damaged != 1 || keeper.Part("transactions/other").Panics() != 0 {
		t.Errorf("%d panics, %+v; want 100, one packet lost, one message of no analyzer", part.Panics(), own)
	}
	for text, want := range map[string]int{"recovered from a panic": 1, "stopping a part": 1} {
		if got := strings.Count(log.text.String(), text); got != want {
			t.Errorf("%q was logged %d times; want %d:\n%s", text, got, want, log.text.String())
		}
	}
}
