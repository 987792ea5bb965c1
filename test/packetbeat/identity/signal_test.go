package identity_test

import (
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/testbed/beat"
	"github.com/qubesbeat/qubesbeat/internal/testbed/fixture"
	"github.com/qubesbeat/qubesbeat/internal/testbed/poll"
)

// TestSignals_ignored goes on after signals without a meaning, and stops at SIGTERM.
func TestSignals_ignored(t *testing.T) {
	t.Parallel()
	home := beat.NewHome(t)
	c := beat.Self(t, "qubesbeat")
	c.Home = home
	const text = "qubesbeat.flows: {timeout: 30s}\nqubesbeat.interfaces.loop: 0\noutput.file: {path: HOME/out}\nlogging.to_stderr: true\n"
	c.Args = beat.Flags(home, beat.Write(t, home, "qubesbeat.yml", text), "-I", fixture.Repository(t, "demo", "qubes.pcapng"))
	b := c.Launch(t)
	poll.Until(t, "the beat runs", func() bool {
		_, err := os.Stat(home + "/data/meta.json")
		return err == nil
	})
	for _, sig := range []os.Signal{syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGPIPE} {
		b.Signal(t, sig)
	}
	if !poll.Remains(300*time.Millisecond, func() bool { return !b.HasEnded() }) {
		t.Fatalf("the beat ended with %v\n%s", b.Err(), b.Tail())
	}
	b.End(t)
}
