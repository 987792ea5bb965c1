package task_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/task"
)

// TestNotify is not parallel, because it sets the environment.
func TestNotify(t *testing.T) {
	tests := []struct{ name, socket string }{
		{"path", filepath.Join(t.TempDir(), "notify")},
		{"abstract", fmt.Sprintf("@qubesbeat-task-test-%d", os.Getpid())},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: tt.socket, Net: "unixgram"})
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			t.Setenv("NOTIFY_SOCKET", tt.socket)
			if err := task.Notify("READY=1"); err != nil {
				t.Fatalf("Notify = %v; want nil", err)
			}
			b := make([]byte, 100)
			if n, err := conn.Read(b); err != nil || string(b[:n]) != "READY=1" {
				t.Errorf("the service manager read %q, %v; want READY=1", b[:n], err)
			}
		})
	}
}

func TestNotify_none(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	if err := task.Notify("READY=1"); err != nil {
		t.Errorf("Notify = %v; want nil without a service manager", err)
	}
}

func TestNotify_gone(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", filepath.Join(t.TempDir(), "gone"))
	err := task.Notify("READY=1")
	if !errors.Is(err, os.ErrNotExist) || !strings.HasPrefix(err.Error(), "reaching the service manager: ") {
		t.Errorf("Notify = %v; want that the service manager is not there", err)
	}
}
