package inventory_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/qubesbeat/qubesbeat/config"
	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/metrics"
	"github.com/qubesbeat/qubesbeat/module/inventory"
)

// channel is a sink that hands on what is published.
type channel chan event.Document

func (c channel) Publish(d event.Document) { c <- d }

// newService returns a live service whose file has the text; "" means that there is
// no file.
func newService(t *testing.T, text string, live bool, stderr io.Writer) (s *inventory.Service, path string, out channel) {
	t.Helper()
	path, out = filepath.Join(t.TempDir(), "inventory"), make(channel, 64)
	if text != "" {
		write(t, path, text)
	}
	s = inventory.New(inventory.Config{Inventory: config.Inventory{File: path}, Live: live},
		inventory.Deps{Sink: out, Logger: slog.New(slog.DiscardHandler), Stderr: stderr})
	return s, path, out
}

// write replaces a file as a careful program does.
func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// TestService_changes holds that the first inventory is no change, and that later
// ones are published and announced.
func TestService_changes(t *testing.T) {
	t.Parallel()
	s, path, out := newService(t, "work|10.137.0.6\n", true, io.Discard)
	changed := make(chan struct{}, 8)
	s.OnChange(func() { changed <- struct{}{} })
	if err := s.Open(); err != nil {
		t.Fatal(err)
	}
	<-changed
	if q := s.Index().All(); len(q) != 1 || q[0].Name != "work" || len(out) != 0 {
		t.Fatalf("after Open: qubes %v, %d documents; want work and none", q, len(out))
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.Run(ctx) }()
	<-s.Ready()
	write(t, path, "work|10.137.0.6\npersonal|10.137.0.9\n")
	d := (<-out).(*inventory.Document)
	if d.Action != "appeared" || d.After.Name != "personal" {
		t.Errorf("document = %+v; want that personal appeared", d.QubeChange)
	}
	<-changed
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run = %v", err)
	}
}

// TestService_Open says what a missing and a faulty file mean, live and in a replay.
func TestService_Open(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, text string
		live       bool
		fails      bool
		stderr     string
	}{
		{"missing, live", "", true, false, ""},
		{"missing, replay", "", false, false, "no inventory at"},
		{"faulty, live", "{", true, false, ""},
		{"faulty, replay", "{", false, true, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var stderr bytes.Buffer
			s, _, _ := newService(t, tt.text, tt.live, &stderr)
			if err := s.Open(); (err != nil) != tt.fails {
				t.Errorf("Open = %v; want an error: %v", err, tt.fails)
			}
			if !strings.Contains(stderr.String(), tt.stderr) || tt.stderr == "" && stderr.Len() > 0 {
				t.Errorf("stderr %q; want %q", &stderr, tt.stderr)
			}
		})
	}
}

// TestService_Metrics counts the qubes, and what the file did.
func TestService_Metrics(t *testing.T) {
	t.Parallel()
	s, _, _ := newService(t, "work|10.137.0.6\n", true, io.Discard)
	if err := s.Open(); err != nil {
		t.Fatal(err)
	}
	got := map[string]uint64{}
	for _, c := range metrics.Collect(s) {
		got[c.Group+"."+c.Name] = c.Value
	}
	if got["inventory.qubes"] != 1 || got["inventory.reloads"] != 1 {
		t.Errorf("metrics = %v; want one qube and one reload", got)
	}
}

// TestService_Enricher holds that only a live capture knows this machine's addresses.
func TestService_Enricher(t *testing.T) {
	t.Parallel()
	name := func(uint32) string { return "" }
	for _, live := range []bool{true, false} {
		s, _, _ := newService(t, "work|10.137.0.6\n", live, io.Discard)
		if e := s.Enricher(name, nil); (e.Local != nil) != live {
			t.Errorf("live %v: Local is set: %v", live, e.Local != nil)
		}
		if !s.Local(netip.MustParseAddr("127.0.0.1")) {
			t.Error("127.0.0.1 is not local")
		}
	}
}
