package verify

import (
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/metrics"
	"github.com/qubesbeat/qubesbeat/internal/probe"
)

// logged collects what is logged.
type logged struct {
	slog.Handler
	lines chan<- string
}

// Enabled takes everything, as DiscardHandler does not.
func (l *logged) Enabled(context.Context, slog.Level) bool { return true }

func (l *logged) Handle(_ context.Context, r slog.Record) error {
	text := r.Message
	r.Attrs(func(a slog.Attr) bool { text += " " + a.Value.String(); return true })
	l.lines <- text
	return nil
}

// announcing starts a live service that takes announcements, and returns what it logs.
func announcing(t *testing.T) (b *bed, said func() string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "qb-") // short, as the path of a socket must be
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	log := make(chan string, 64)
	b = newBed(t, true)
	b.now = time.Now().UnixNano()
	conf, deps := b.conf, b.deps
	conf.Probes.Enabled, conf.Probes.Socket = true, filepath.Join(dir, "s")
	deps.Logger = slog.New(&logged{slog.DiscardHandler, log})
	if b.Service, err = New(conf, deps); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }()
	b.Judge().Close() // so that calls do not wait for packets
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run = %v", err)
		}
	})
	return b, func() string {
		select {
		case text := <-log:
			return text
		default: // what a call has to say is said before it ends
			return ""
		}
	}
}

// call calls the service as qrexec-agent does, and waits until it has been served.
func (b *bed) call(text string) {
	b.t.Helper()
	conn, err := net.Dial("unix", b.conf.Probes.Socket)
	if err != nil {
		b.t.Fatal(err)
	}
	defer conn.Close()
	_, _ = conn.Write([]byte(text))
	_ = conn.(*net.UnixConn).CloseWrite()
	rest := make([]byte, 10)
	if n, _ := conn.Read(rest); n != 0 {
		b.t.Errorf("the service answers %q; want no reply", rest[:n])
	}
}

// counted returns a counter of the service.
func (b *bed) counted(name string) uint64 {
	for _, c := range metrics.Collect(b.Service) {
		if c.Group == "verify" && c.Name == name {
			return c.Value
		}
	}
	return 0
}

const (
	descriptor = "qubesbeat.Verify+ dom0\x00"
	announced  = `{"version": 1, "kind": "down", "via": "sys-vpn", "nonce": "c71f900102030405", "sizes": [411, 523], "ttl": 2, "seconds": 30}` + "\n"
	wereSent   = `{"version": 1, "kind": "sent", "nonce": "c71f900102030405"}` + "\n"
)

// TestService_announced takes what dom0 announces, in its order.
func TestService_announced(t *testing.T) {
	t.Parallel()
	b, said := announcing(t)
	b.call(descriptor + wereSent) // of nothing
	if got := said(); !strings.Contains(got, "no probe with this nonce runs") {
		t.Errorf("sent, not announced: %q", got)
	}
	b.call(descriptor + announced)
	b.call(descriptor + wereSent)
	if got := said(); got != "" {
		t.Errorf("good announcements: %q", got)
	}
	if ok, refused := b.counted("announced"), b.counted("announcements_refused"); ok != 2 || refused != 1 {
		t.Errorf("%d taken, %d refused; want 2 and 1", ok, refused)
	}
}

// TestService_hostile refuses calls that are not dom0's, or not announcements, and says so in
// one harmless line. None of them is looked for.
func TestService_hostile(t *testing.T) {
	t.Parallel()
	b, said := announcing(t)
	calls := map[string]struct{ text, want string }{
		"another qube":        {"qubesbeat.Verify+ work\x00" + announced, `"work" is refused: only dom0`},
		"a qube called dom0 ": {"qubesbeat.Verify+ dom0.\x00" + announced, `"dom0." is refused: only dom0`},
		"another service":     {"qubesbeat.Inventory+ dom0\x00" + announced, "not the descriptor"},
		"no descriptor":       {announced, "no descriptor"},
		"nothing":             {"", "no descriptor"},
		"no announcement":     {descriptor, "EOF"},
		"a long one":          {descriptor + announced + strings.Repeat(" ", probe.MaxSize), "more than 4096 bytes"},
		"a flood":             {descriptor + strings.Repeat("x", 1<<20), "more than 4096 bytes"},
		"two":                 {descriptor + announced + announced, "more than one"},
		"an unknown key":      {descriptor + strings.Replace(announced, "ttl", "exec", 1), `unknown field "exec"`},
		"deep":                {descriptor + strings.Repeat("[", 4000), "unexpected EOF"},
		"a terminal's codes":  {descriptor + strings.Replace(announced, `"down"`, `"\u001b[2J"`, 1), `kind "\x1b[2J" is not`},
		"a name":              {descriptor + strings.Replace(announced, "sys-vpn", "../../x", 1), "via: name"},
	}
	for name, c := range calls {
		b.call(c.text)
		if got := said(); !strings.Contains(got, c.want) || strings.ContainsAny(got, "\x1b\n") {
			t.Errorf("%s: %q; want %q", name, got, c.want)
		}
	}
	if ok, refused := b.counted("announced"), b.counted("announcements_refused"); ok != 0 || refused != uint64(len(calls)) {
		t.Errorf("%d taken, %d refused; want 0 and %d", ok, refused, len(calls))
	}
	b.call(descriptor + wereSent)
	if got := said(); !strings.Contains(got, "no probe with this nonce runs") {
		t.Errorf("after all that: %q", got)
	}
}
