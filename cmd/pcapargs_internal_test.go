package cmd

import (
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/qubesbeat/qubesbeat/internal/packetstore"
	"github.com/qubesbeat/qubesbeat/module/packets"
)

// TestPcapArgs_times holds which range of time is meant, at 20:33.
func TestPcapArgs_times(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 29, 20, 33, 0, 0, time.UTC)
	for _, tt := range []struct{ from, to, wantFrom, wantTo string }{
		{"20:30", "20:32", "2026-11-29T20:30:00Z", "2026-11-29T20:32:00Z"},
		{"20:30", "20:38", "2026-11-29T20:30:00Z", "2026-11-29T20:38:00Z"},
		{"22:00", "20:38", "2026-11-28T22:00:00Z", "2026-11-29T20:38:00Z"},
		{"23:50", "00:10", "2026-11-28T23:50:00Z", "2026-11-29T00:10:00Z"},
		{"10m", "20:38:30", "2026-11-29T20:23:00Z", "2026-11-29T20:38:30Z"},
		{"2026-11-29", "2026-11-29", "2026-11-29T00:00:00Z", "2026-11-29T23:59:59.999999999Z"},
		{"", "2026-11-28", "0001-01-01T00:00:00Z", "2026-11-28T23:59:59.999999999Z"},
		{"2026-11-29 10:00", "2026-11-29 09:00", "", ""},
		{"2026-11-29", "2026-11-28", "", ""},
		{"5m", "10m", "", ""},
	} {
		c, f := &cobra.Command{Use: "get"}, &pcapFound{wanted: &packets.Wanted{}}
		a := pcapArgs{qube: "work", from: tt.from, to: tt.to}
		err := a.query(c, f, now)
		if tt.wantTo == "" {
			if err == nil || !strings.Contains(err.Error(), "--to is before --from") || ExitCode(err) != exitUsage {
				t.Errorf("%q to %q: %v; want that --to is before --from", tt.from, tt.to, err)
			}
			continue
		}
		from, to := f.wanted.From.Format(time.RFC3339Nano), f.wanted.To.Format(time.RFC3339Nano)
		if err != nil || from != tt.wantFrom || to != tt.wantTo {
			t.Errorf("%q to %q is %s to %s, %v; want %s to %s", tt.from, tt.to, from, to, err, tt.wantFrom, tt.wantTo)
		}
	}
}

// TestPcapFound_lacking says what was lost where the number of packets is not known.
func TestPcapFound_lacking(t *testing.T) {
	t.Parallel()
	f := &pcapFound{wanted: &packets.Wanted{}, result: &packetstore.Result{Segments: 2, Lost: 1234}}
	const want = "1,234 packets could not be stored while these segments were written"
	if got := f.lacking(nil, &packetstore.Copied{Packets: 5}); got != want {
		t.Errorf("lacking = %q, want %q", got, want)
	}
	f.result.Flows = []packetstore.FoundFlow{{Lost: 3}}
	if got := f.lacking(nil, &packetstore.Copied{Packets: 5}); got != "3 of the flows could not be stored" {
		t.Errorf("lacking = %q, want what the flow has lost", got)
	}
}

// TestPcapSeal says that there is no such qube, which the beat does not.
func TestPcapSeal(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "seal") // a socket has a short path
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.MkdirAll(filepath.Join(dir, "_vif7.0"), 0o700); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", packets.Socket(dir))
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("{}")) })}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	for _, tt := range []struct{ qube, want string }{{"", ""}, {"nosuch", "pcap seal: nothing is stored of nosuch; `qubesbeat pcap status` lists the qubes"}} {
		c := pcapSeal(&pcapStore{dir: dir})
		var talk strings.Builder
		c.SetErr(&talk)
		c.SetArgs(strings.Fields(tt.qube))
		c.SilenceErrors, c.SilenceUsage = true, true
		err := c.ExecuteContext(context.Background())
		if (err != nil) != (tt.want != "") || !strings.Contains(talk.String(), tt.want) {
			t.Errorf("seal %q = %v, %q; want %q", tt.qube, err, talk.String(), tt.want)
		}
	}
}
