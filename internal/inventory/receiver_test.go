package inventory_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/inventory"
)

const pushed = `{"version": 1, "qubes": [{"name": "work", "ip": "10.137.0.6", "label": "blue"}]}`

// service is a receiver with what it has said.
type service struct {
	*inventory.Receiver
	socket, file string

	mu   sync.Mutex
	said []string // guarded by mu
}

func serve(t *testing.T) *service {
	t.Helper()
	dir, err := os.MkdirTemp("", "qb-") // short: the path of a socket is
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	s := &service{socket: filepath.Join(dir, "s"), file: filepath.Join(dir, "inventory")}
	say := func(text string) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.said = append(s.said, text)
	}
	s.Receiver, err = inventory.Listen(s.socket, "no such group", s.file, inventory.Options{MaxSize: 1000},
		func() { say("stored") }, func(err error) { say(err.Error()) })
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { s.Run(ctx); close(done) }()
	t.Cleanup(func() { cancel(); <-done })
	return s
}

// call is what qrexec-agent does, and returns what was said of it.
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
		t.Errorf("the service answers %q; dom0 is to be told nothing", rest[:n])
	}
	_ = conn.Close()
	for range 200 {
		s.mu.Lock()
		if len(s.said) > 0 {
			last := s.said[0]
			s.said = s.said[1:]
			s.mu.Unlock()
			return last
		}
		s.mu.Unlock()
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("nothing was said of the call")
	return ""
}

func TestReceiver(t *testing.T) {
	t.Parallel()
	s := serve(t)
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
		"empty":             {"qubesbeat.Inventory+ dom0\x00", "there is no qube"},
		"too large":         {"qubesbeat.Inventory+ dom0\x00" + pushed + strings.Repeat(" ", 1000), "more than 1000 bytes"},
		"a bad name":        {"qubesbeat.Inventory+ dom0\x00" + strings.Replace(pushed, "work", "../x", 1), `does not begin with a letter`},
	} {
		if got := s.call(t, c.text); !strings.Contains(got, c.want) {
			t.Errorf("%s: %q; want %q", name, got, c.want)
		}
	}
	if data, err := os.ReadFile(s.file); err != nil || string(data) != pushed {
		t.Errorf("the file has %q, %v; want the last good inventory", data, err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(s.file), ".*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if s.Stored() != 1 || s.Refused() != 9 {
		t.Errorf("%d stored, %d refused", s.Stored(), s.Refused())
	}
	if info, err := os.Stat(s.socket); err != nil || info.Mode().Perm() != 0o660 {
		t.Errorf("the socket: %v, %v", info.Mode(), err)
	}
}
