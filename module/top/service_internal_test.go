package top

import (
	"context"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/control"
	"github.com/qubesbeat/qubesbeat/internal/metrics"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/testbed/poll"
	"github.com/qubesbeat/qubesbeat/internal/topview"
)

// start runs the service and returns a function that stops it.
func start(t *testing.T, s *Service) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	<-s.Ready()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run = %v", err)
		}
	}
}

// TestService_Run answers over its socket, which only the user can open, and removes it.
func TestService_Run(t *testing.T) {
	t.Parallel()
	s, _ := newService(t)
	s.gauge.Packets([]packet.Packet{datagram(1, sent, "10.137.0.6:40000", "198.51.100.7:443")})
	path := filepath.Join(s.conf.DataDir, "top.sock")
	stop := start(t, s)
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("socket: %v, %v", info, err)
	}
	var snap topview.Snapshot
	poll.Until(t, "an answer", func() bool {
		err = control.NewClient(path).Get(t.Context(), "/top", url.Values{"open": {"vif4.0"}}, &snap)
		return err == nil
	})
	if len(snap.Qubes) != 1 || snap.Qubes[0].Name != "work" || snap.Qubes[0].Out.Bytes != 100 {
		t.Errorf("snapshot = %+v", snap)
	}
	if err := control.NewClient(path).Get(t.Context(), "/stats", nil, &snap); err == nil {
		t.Error("the socket answers the calls of the resolver")
	}
	if err := control.NewClient(path).Post(t.Context(), "/top", nil, &snap); err == nil {
		t.Error("the socket takes a POST")
	}
	if n := counter(t, s, "snapshots"); n != 1 {
		t.Errorf("%d snapshots are counted; want 1", n)
	}
	stop()
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket is left: %v", err)
	}
}

// TestService_Run_noSocket goes on without the socket.
func TestService_Run_noSocket(t *testing.T) {
	t.Parallel()
	s, _ := newService(t)
	s.conf.Socket = filepath.Join(t.TempDir(), strings.Repeat("x", 200)) // longer than a socket's path may be
	start(t, s)()
}

// counter returns a counter of the service.
func counter(t *testing.T, s *Service, name string) uint64 {
	t.Helper()
	var m metrics.Set
	s.Metrics(&m)
	for _, c := range m.Counters() {
		if c.Group == "top" && c.Name == name {
			return c.Value
		}
	}
	t.Fatalf("no counter %s", name)
	return 0
}
