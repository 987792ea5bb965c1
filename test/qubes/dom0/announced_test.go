package dom0_test

import (
	"log/slog"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/config"
	"github.com/qubesbeat/qubesbeat/internal/enrich"
	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/inventory"
	"github.com/qubesbeat/qubesbeat/internal/metrics"
	"github.com/qubesbeat/qubesbeat/internal/testbed/dom0"
	"github.com/qubesbeat/qubesbeat/module/verify"
)

// nowhere takes the events of the verifier.
type nowhere struct{}

// Publish implements [event.Sink].
func (nowhere) Publish(event.Document) {}

// sysLog is the verifier of the logging qube, whose service is the socket.
func sysLog(t *testing.T, socket string) *verify.Service {
	t.Helper()
	hasVif := func(int32) bool { return true }
	index := inventory.NewIndex(inventory.Config{})
	known, err := inventory.Parse(strings.NewReader("#fields NAME|IP\nsys-fw2|10.137.0.20\n"), inventory.Config{})
	if err != nil {
		t.Fatal(err)
	}
	index.Update(known, time.Now())
	s, err := verify.New(verify.Config{Live: true, DataDir: filepath.Dir(socket), Verify: config.Verify{Enabled: true, Probes: config.Qrexec{Enabled: true, Socket: socket}}},
		verify.Deps{Sink: nowhere{}, Enricher: &enrich.Enricher{Qubes: index, Name: func(uint32) string { return "" }, HasVif: hasVif}, Inventory: index, HasVif: hasVif,
			Local: func(netip.Addr) bool { return false }, KernelDrops: func() uint64 { return 0 }, Logger: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	s.Judge().Close() // no packets come
	done := make(chan error, 1)
	go func() { done <- s.Run(t.Context()) }() // which ends before the cleanups
	t.Cleanup(func() {
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return s
}

// TestProbe_announced has the logging qube take all that the script announces as dom0, by the
// descriptor that qrexec makes, and nothing of it as another qube.
func TestProbe_announced(t *testing.T) {
	for caller, want := range map[string]uint64{"dom0": 2, "work": 0} {
		t.Run(caller, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, "r4.3", dom0.Behaviour{Runs: true})
			r.fakes(t, "ping", "python3", "getent")
			socket := filepath.Join(r.dir, "probes.sock")
			s := sysLog(t, socket)
			if _, stderr, code := r.probed(t, "--yes", "--down", "behind.fw2_a"); code != 0 {
				t.Fatalf("exit status %d, stderr %q", code, stderr)
			}
			first := r.next(t)
			r.next(t) // the command
			for _, p := range []dom0.Push{first, r.next(t)} {
				service := p.Args[len(p.Args)-1]
				conn, err := net.Dial("unix", socket)
				if err != nil {
					t.Fatal(err)
				}
				_, _ = conn.Write([]byte(service + "+ " + caller + " keyword dom0\x00" + string(p.Text)))
				_ = conn.(*net.UnixConn).CloseWrite()
				_, _ = conn.Read(make([]byte, 1)) // until it is served
				_ = conn.Close()
			}
			got := map[string]uint64{}
			for _, c := range metrics.Collect(s) {
				got[c.Name] = c.Value
			}
			if got["announced"] != want || got["announcements_refused"] != 2-want {
				t.Errorf("%d announcements taken, %d refused; want %d and %d", got["announced"], got["announcements_refused"], want, 2-want)
			}
		})
	}
}
