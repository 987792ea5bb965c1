package finding_test

import (
	"bytes"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/qubesbeat/qubesbeat/config"
	"github.com/qubesbeat/qubesbeat/internal/clienthello"
	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/module/finding"
)

// live returns a change that makes a service keep its state in a folder, and learn as briefly as it can.
func live(dir string) func(*finding.Config, *finding.Deps) {
	return func(c *finding.Config, _ *finding.Deps) {
		c.Live, c.DataDir = true, dir
		c.Detect.Learn, c.Detect.Level = config.Duration(1), "medium"
	}
}

// checkedIn returns a service that has learned work, and has found it to contact its neighbour 192.168.1.5.
func checkedIn(t *testing.T, dir string) *world {
	t.Helper()
	w := newWorld(live(dir))
	w.run(t, func() {
		for i := range int64(204) {
			w.opened(work, "192.0.2.1:443", start+i*600e9)
		}
		w.opened(work, "192.168.1.5:22", start+204*600e9)
	})
	if list := w.Findings(); len(list) != 1 || list[0].Rule != "lateral" {
		t.Fatalf("Findings = %+v", list)
	}
	if u := w.CheckUse("work", "192.168.1.5"); !u.Held {
		t.Fatalf("CheckUse = %+v; want a neighbour that is held", u)
	}
	return w
}

// TestService_Dismiss_killed dismisses for good at once: the beat may be killed before it writes its state
// the next time.
func TestService_Dismiss_killed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := checkedIn(t, dir)
	if _, err := w.Dismiss(w.Findings()[0].ID); err != nil {
		t.Fatal(err)
	}
	next := newWorld(live(dir))
	if err := next.Open(); err != nil {
		t.Fatal(err)
	}
	if u := next.CheckUse("work", "192.168.1.5"); !u.Used || u.Held {
		t.Errorf("CheckUse = %+v after a kill; want what was dismissed", u)
	}
	if list := next.Findings(); len(list) != 1 || !list[0].Dismissed {
		t.Errorf("Findings = %+v; want one that is dismissed", list)
	}
}

// TestService_earlier shows the findings of earlier runs without names, and dismisses them.
func TestService_earlier(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	want := checkedIn(t, dir).Findings()[0]
	data, err := os.ReadFile(filepath.Join(dir, "behaviour.findings"))
	if err != nil || bytes.Contains(data, []byte("192.168")) {
		t.Errorf("%s, %v; want findings without addresses", data, err)
	}
	for range 3 { // each start writes what it has read
		w := newWorld(live(dir))
		w.run(t, func() {})
		list := w.Findings()
		if len(list) != 1 {
			t.Fatalf("Findings = %+v; want one", list)
		}
		if got := list[0]; got.ID != want.ID || !got.Earlier || got.Rule != want.Rule || got.Qube != want.Qube || !got.At.Equal(want.At) || got.Level != want.Level {
			t.Errorf("%+v; want %+v without names", got, want)
		}
	}
	w := newWorld(live(dir))
	if err := w.Open(); err != nil {
		t.Fatal(err)
	}
	if f, err := w.Dismiss(want.ID); err != nil || !f.Dismissed {
		t.Fatalf("Dismiss = %+v, %v", f, err)
	}
	if u := w.CheckUse("work", "192.168.1.5"); u.Held {
		t.Errorf("CheckUse = %+v; want one that is not held", u)
	}
}

// TestService_earlier_unreadable goes on without findings that cannot be read, and keeps the file.
func TestService_earlier_unreadable(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"[", `[{"id":"x","trace":{"rule":"none","level":"low"}}]`, `{}`} {
		dir := t.TempDir()
		path := filepath.Join(dir, "behaviour.findings")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		w := newWorld(live(dir))
		w.run(t, func() {})
		if _, err := os.Stat(path + ".bad"); err != nil || len(w.Findings()) != 0 || !strings.Contains(w.log.String(), "earlier runs cannot be read") {
			t.Errorf("%s: %v, %v; log %s", text, err, w.Findings(), w.log.String())
		}
	}
}

// TestService_CheckUse finds a destination by any name below its registered domain, however it is written.
func TestService_CheckUse(t *testing.T) {
	t.Parallel()
	w := newWorld(nil)
	w.hello = &clienthello.Hello{ServerName: "www.example.co.uk"}
	w.run(t, func() { // a connection that goes on, whose beginning was not seen
		r := flow.Record{Born: start, Start: start, End: start + 1800e9, Iface: 7, Proto: packet.ProtoTCP, FromSource: packet.Inbound, Reason: flow.ReasonActive}
		r.Source.Addr, r.Family = packet.AddrFrom(work.IP)
		r.Source.Port, r.Source.Sent = 40000, true
		r.Destination.Addr, _ = packet.AddrFrom(netip.MustParseAddr("192.0.2.7"))
		r.Destination.Port, r.Destination.Sent = 443, true
		w.feed.Record(&r)
		w.feed.Flush(true)
	})
	for name, want := range map[string]bool{"example.co.uk": true, "WWW.Example.co.uk": true, "mail.example.co.uk.": true, "co.uk": false, "other.co.uk": false} {
		if u := w.CheckUse("work", name); u.Used != want {
			t.Errorf("CheckUse(%q) = %+v; want used %v", name, u, want)
		}
	}
}
