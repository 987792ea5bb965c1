package inventory_test

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/inventory"
	"github.com/qubesbeat/qubesbeat/internal/qrexec"
)

const pushed = `{"version": 1, "qubes": [{"name": "work", "ip": "10.137.0.6", "label": "blue"}]}`

// service is a receiver with what it reports.
type service struct {
	*qrexec.Receiver
	socket, file string
	reports      chan string
}

// serve serves until the test ends. change, if not nil, may change the settings.
func serve(t *testing.T, change func(c *inventory.ReceiverConfig)) *service {
	t.Helper()
	dir, err := os.MkdirTemp("", "qb-") // short, as the path of a socket must be
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	s := &service{socket: filepath.Join(dir, "s"), file: filepath.Join(dir, "inventory"), reports: make(chan string, 1)}
	conf := inventory.ReceiverConfig{
		Socket: s.socket, Group: "no such group", Path: s.file, Parse: inventory.Config{MaxSize: 1000},
		OnStored: func() { s.reports <- "stored" },
		OnError:  func(err error) { s.reports <- err.Error() },
	}
	if change != nil {
		change(&conf)
	}
	s.Receiver, err = inventory.Listen(conf)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run = %v; want nil", err)
		}
	})
	return s
}

// call sends a call as qrexec-agent does and returns what the service reports of it.
func (s *service) call(t *testing.T, text string) string {
	t.Helper()
	conn, err := net.Dial("unix", s.socket)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = conn.Write([]byte(text))
	_ = conn.(*net.UnixConn).CloseWrite()
	rest := make([]byte, 10)
	if n, _ := conn.Read(rest); n != 0 {
		t.Errorf("the service answers %q; want no reply", rest[:n])
	}
	_ = conn.Close()
	return <-s.reports
}

func TestReceiver(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	if got := s.call(t, "qubesbeat.Inventory+ dom0\x00"+pushed); got != "stored" {
		t.Fatalf("a good call: %s", got)
	}
	for name, c := range map[string]struct{ text, want string }{
		"another qube":      {"qubesbeat.Inventory+ work\x00" + pushed, `"work" is refused: only dom0`},
		"another service":   {"qubes.Filecopy+ dom0\x00" + pushed, "not the descriptor"},
		"no descriptor":     {pushed, "no descriptor"},
		"nothing":           {"", "no descriptor"},
		"a long descriptor": {strings.Repeat("x", 5000), "no descriptor"},
		"half":              {"qubesbeat.Inventory+ dom0\x00" + pushed[:40], "push the inventory again"},
		"empty":             {"qubesbeat.Inventory+ dom0\x00", "the inventory has no qubes"},
		"too large":         {"qubesbeat.Inventory+ dom0\x00" + pushed + strings.Repeat(" ", 1000), "more than 1000 bytes"},
		"a bad name":        {"qubesbeat.Inventory+ dom0\x00" + strings.Replace(pushed, "work", "../x", 1), `does not begin with a letter`},
	} {
		if got := s.call(t, c.text); !strings.Contains(got, c.want) {
			t.Errorf("%s: %q; want %q", name, got, c.want)
		}
	}
	if data, err := os.ReadFile(s.file); err != nil || string(data) != pushed {
		t.Errorf("the file has %q, %v; want the last valid inventory", data, err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(s.file), ".*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if s.Taken() != 1 || s.Refused() != 9 {
		t.Errorf("%d stored, %d refused", s.Taken(), s.Refused())
	}
	if info, err := os.Stat(s.socket); err != nil || info.Mode().Perm() != 0o660 {
		t.Errorf("the socket: %v, %v", info.Mode(), err)
	}
}

// TestReceiver_Run_stop ends at once while a call is under way.
func TestReceiver_Run_stop(t *testing.T) {
	t.Parallel()
	socket := filepath.Join(t.TempDir(), "s")
	failed := make(chan error, 1)
	r, err := inventory.Listen(inventory.ReceiverConfig{
		Socket: socket, Path: filepath.Join(t.TempDir(), "inventory"), OnError: func(err error) { failed <- err },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	conn, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("qubesbeat.Inventory+ dom0\x00{")); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run = %v; want nil", err)
	}
	if took := time.Since(begun); took > 9*time.Second { // a call may take 10 s
		t.Errorf("Run returned after %v", took)
	}
}

// TestAttack18_other_user refuses a call of a user who is neither root nor the beat's,
// even where the modes let it in.
func TestAttack18_other_user(t *testing.T) {
	perl, err := exec.LookPath("perl")
	if os.Getuid() != 0 || err != nil {
		t.Skip("needs root and perl, to call as another user")
	}
	dir, err := os.MkdirTemp("", "qb-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	faults := make(chan error, 1)
	socket := filepath.Join(dir, "s")
	r, err := inventory.Listen(inventory.ReceiverConfig{Socket: socket, Path: filepath.Join(dir, "inventory.json"), OnError: func(err error) { faults <- err }})
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(socket); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket has mode %v (%v); want 0600", info.Mode(), err)
	}
	if err := os.Chmod(socket, 0o666); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	cmd := exec.CommandContext(t.Context(), perl, "-MIO::Socket::UNIX", "-e", `IO::Socket::UNIX->new(Peer => $ARGV[0]) or die $!`, socket)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("calling: %v\n%s", err, out)
	}
	if err := <-faults; !errors.Is(err, qrexec.ErrCaller) || r.Refused() != 1 {
		t.Errorf("OnError(%v), %d refused; want %v, 1", err, r.Refused(), qrexec.ErrCaller)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
