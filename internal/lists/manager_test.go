package lists_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/blocklist"
	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
	"github.com/qubesbeat/qubesbeat/internal/lists"
)

// manager returns a manager of sources with a temporary directory.
func manager(t *testing.T, change func(*lists.Config), locations ...string) *lists.Manager {
	t.Helper()
	c := lists.Config{Dir: t.TempDir(), Timeout: time.Minute, Attempts: 2, Cooldown: time.Millisecond, MaxBytes: 1 << 20}
	for _, l := range locations {
		c.Sources = append(c.Sources, lists.Source{List: "ads", Location: l})
	}
	if change != nil {
		change(&c)
	}
	m, err := lists.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func blocks(t *testing.T, table *blocklist.Table, name string, sources int) bool {
	t.Helper()
	n, err := dnsmsg.ParseName(nil, name)
	if err != nil {
		t.Fatal(err)
	}
	var from blocklist.Set
	for i := range sources {
		from.Add(lists.Deny(i))
	}
	_, ok := table.Name(n, &from)
	return ok
}

// server serves what *text is at the time, and counts.
func server(t *testing.T, text *atomic.Pointer[string], status *atomic.Int32, asked *atomic.Int32) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if n := status.Load(); n != 0 {
			http.Error(w, "no", int(n))
			return
		}
		body := *text.Load()
		etag := `"` + body[:min(8, len(body))] + `"`
		if r.Header.Get("If-None-Match") == etag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		w.Header().Set("ETag", etag)
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func TestManager_remote(t *testing.T) {
	t.Parallel()
	var text atomic.Pointer[string]
	var status, asked atomic.Int32
	set := func(s string) { text.Store(&s) }
	url := server(t, &text, &status, &asked)
	dir := t.TempDir()
	m := manager(t, func(c *lists.Config) { c.Dir = dir }, url)
	ctx := context.Background()

	if table, err := m.Load(ctx); err != nil || table.Len() != 0 || asked.Load() != 0 {
		t.Fatalf("Load asked the network or failed: %v", err)
	}
	set("1.test\n2.test\n3.test\n4.test\n5.test\n")
	table, err := m.Refresh(ctx, false)
	if err != nil || !blocks(t, table, "5.test", 1) {
		t.Fatalf("first refresh: %v", err)
	}
	if table, err := m.Refresh(ctx, false); table != nil || err != nil {
		t.Errorf("nothing changed, but Refresh = %v, %v", table, err)
	}
	status.Store(500)
	if table, err := m.Refresh(ctx, false); table != nil || err == nil || !strings.Contains(m.Status()[0].Err, "500") {
		t.Errorf("a failing server: %v, %v; status %q", table, err, m.Status()[0].Err)
	}
	before := asked.Load()
	status.Store(404)
	if _, err := m.Refresh(ctx, false); err == nil || asked.Load() != before+1 {
		t.Errorf("404 was asked %d times: %v", asked.Load()-before, err)
	}
	status.Store(0)
	set("one.test\n")
	if table, err := m.Refresh(ctx, false); table != nil || err == nil || !strings.Contains(err.Error(), "--force") {
		t.Errorf("a list that lost most of its rules was taken: %v", err)
	}
	if table, err := m.Refresh(ctx, true); err != nil || !blocks(t, table, "one.test", 1) || blocks(t, table, "5.test", 1) {
		t.Errorf("force: %v", err)
	}

	status.Store(404) // a restart without the network has what was there
	again := manager(t, func(c *lists.Config) { c.Dir = dir }, url)
	if table, err := again.Load(ctx); err != nil || !blocks(t, table, "one.test", 1) {
		t.Errorf("after a restart: %v", err)
	}
}

func TestManager_file(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "list")
	write := func(s string) {
		if err := os.WriteFile(path, []byte(s), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("a.test\nb.test\n")
	m := manager(t, nil, path, "inline.test\n")
	ctx := context.Background()
	table, err := m.Load(ctx)
	if err != nil || !blocks(t, table, "b.test", 2) || !blocks(t, table, "inline.test", 2) {
		t.Fatalf("Load: %v", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if table, err := m.Refresh(ctx, false); table != nil || err == nil {
		t.Errorf("a file that is gone: %v, %v", table, err)
	}
	if table, err := m.Load(ctx); err != nil || !blocks(t, table, "b.test", 2) {
		t.Errorf("a file that is gone lost its rules: %v", err)
	}
	write("") // the user's own hand: it is meant so
	if table, err := m.Refresh(ctx, false); err != nil || table == nil || blocks(t, table, "b.test", 2) || !blocks(t, table, "inline.test", 2) {
		t.Errorf("a file that is empty: %v", err)
	}
}

func TestManager_faults(t *testing.T) {
	t.Parallel()
	const limit = 1 << 20 // MaxBytes of manager
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = z.Write(make([]byte, 8*limit))
	_ = z.Close()
	bomb := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(packed.Bytes())
	}))
	defer bomb.Close()
	m := manager(t, func(c *lists.Config) { c.MaxFaults = 1 }, bomb.URL, "good.test\n", "ok.test\nx y\nz z\nnever.test\n")
	table, err := m.Load(context.Background())
	if err != nil || !blocks(t, table, "good.test", 3) || !blocks(t, table, "ok.test", 3) || blocks(t, table, "never.test", 3) {
		t.Errorf("Load: %v", err)
	}
	if _, err := m.Refresh(context.Background(), false); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("a bomb: %v", err)
	}
	if s := m.Status()[2]; s.Wrong != 2 || !strings.Contains(s.Err, "line 3") {
		t.Errorf("status = %+v", s)
	}
}

// TestManager_notRegular does not wait for somebody who writes to a named pipe.
func TestManager_notRegular(t *testing.T) {
	t.Parallel()
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	m := manager(t, nil, pipe, "/dev/zero", "good.example\n")
	table, err := m.Load(t.Context())
	if err != nil || !blocks(t, table, "good.example", 3) {
		t.Errorf("Load = %v", err)
	}
	for _, st := range m.Status()[:2] {
		if !strings.Contains(st.Err, "not a regular file") {
			t.Errorf("Status = %+v", st)
		}
	}
}
