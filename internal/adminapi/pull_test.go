package adminapi_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/adminapi"
	"github.com/qubesbeat/qubesbeat/internal/inventory"
)

// qrexec is a qrexec-client-vm that answers with what the real qubesd has printed,
// and refuses, as a policy does, whatever there is no such file of.
func qrexec(t *testing.T, release string) adminapi.Client {
	t.Helper()
	dir, err := filepath.Abs(filepath.Join(cmp.Or(os.Getenv("QUBESBEAT_SHARED"), "../../../shared"), "fixtures", "qvm-ls", release))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("no answers of qubesd: %v; QUBESBEAT_SHARED names the folder", err)
	}
	path := filepath.Join(t.TempDir(), "qrexec-client-vm")
	script := "#!/bin/sh\ncase \"$2\" in\n*+*) file=\"" + dir + "/api-$2@$1.bin\" ;;\n*) file=\"" + dir + "/api-$2.bin\" ;;\nesac\n[ -e \"$file\" ] || exit 126\nexec cat \"$file\"\n"
	if err := os.WriteFile(path, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return adminapi.Client{Program: path}
}

// TestClient_Inventory reads what both releases answer: of work, everything; of
// vault, that it has no address; of all others, a refusal.
func TestClient_Inventory(t *testing.T) {
	t.Parallel()
	for _, release := range []string{"r4.2", "r4.3"} {
		data, err := qrexec(t, release).Inventory(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		s, err := inventory.Parse(bytes.NewReader(data), inventory.Config{})
		if err != nil || len(s.Qubes) != 1 || s.Qubes[0].Name != "work" || s.Qubes[0].Label != "blue" || s.Qubes[0].IP.String() != "10.137.0.6" || !s.Qubes[0].IP6.IsValid() {
			t.Errorf("%s: %s, %v", release, data, err)
		}
	}
}

func TestClient_refused(t *testing.T) {
	t.Parallel()
	c := adminapi.Client{Program: "false"}
	if _, err := c.Inventory(t.Context()); !errors.Is(err, adminapi.ErrRefused) {
		t.Errorf("Inventory = %v", err)
	}
	if err := c.Follow(t.Context(), time.Second, nil); !errors.Is(err, adminapi.ErrRefused) {
		t.Errorf("Follow = %v", err)
	}
}

// TestClient_Follow calls at the start and at the end of the stream says so.
func TestClient_Follow(t *testing.T) {
	t.Parallel()
	calls := 0
	err := qrexec(t, "r4.3").Follow(t.Context(), time.Millisecond, func(context.Context) error { calls++; return nil })
	if calls == 0 || err == nil || !strings.Contains(err.Error(), "admin.Events") {
		t.Errorf("Follow: %d calls, %v", calls, err)
	}
}
