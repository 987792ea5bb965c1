package dns_test

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/config"
	"github.com/qubesbeat/qubesbeat/internal/dnsevent"
	"github.com/qubesbeat/qubesbeat/internal/dnstest"
	"github.com/qubesbeat/qubesbeat/internal/testbed"
	"github.com/qubesbeat/qubesbeat/module/dns"
)

// TestService_Run answers, and publishes each query with its qube and its outcome. What
// was asked until the stop is published before Run returns.
func TestService_Run(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(_ *world, c *config.Resolver) {
		c.Lists = map[string]config.ResolverList{"ads": {Deny: []string{"ads.example\n"}}}
	})
	if n := len(w.counters()); n != 0 || w.String() != "resolver" {
		t.Errorf("%d counters of %s before Open; want none", n, w)
	}
	w.start()
	w.wantAnswer("WWW.example", "NOERROR", "198.51.100.1")
	w.wantAnswer("www.example", "NOERROR", "198.51.100.1")
	w.wantAnswer("ads.example", "NOERROR", "0.0.0.0")
	w.wantAnswer("none.example", "NXDOMAIN")
	w.stop()
	want := []string{"www.example dns-resolved", "www.example dns-cached", "ads.example dns-blocked", "none.example dns-resolved"}
	got := w.published()
	slices.Sort(want) // an answer may be cached before its query is logged
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events mismatch (-want +got):\n%s", diff)
	}
	for _, d := range w.documents {
		if d.Parties.Qube != asker || d.Client != loopback {
			t.Errorf("%s: parties %+v; want asker", d.Question(), d.Parties)
		}
	}
	w.balanced()
	n := w.counters()
	for name, want := range map[string]uint64{"received": 4, "resolved": 2, "cached": 1, "blocked": 1, "udp": 4, "logged": 4, "log_waiting": 0,
		"published": 4, "acked": 4, "list_rules": 1, "tsv_failures": 0, "qvm_firewall_obeyed": 0} {
		if n[name] != want {
			t.Errorf("%s = %d; want %d", name, n[name], want)
		}
	}
	if w.released == 0 {
		t.Error("Released was not called after a table of lists was built")
	}
	if _, err := os.Stat(w.settings.Socket); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket of the commands is still there: %v", err)
	}
}

// TestService_Run_blocked answers while the output takes nothing, and writes all that was
// logged before Run returns.
func TestService_Run_blocked(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(w *world, _ *config.Resolver) { w.gate = make(chan struct{}) })
	w.start()
	for range 100 {
		w.wantAnswer("www.example", "NOERROR", "198.51.100.1")
	}
	w.cancel()
	dnstest.Until(t, "the log is closed", func() bool { return w.counters()["waiting"] == 0 })
	if len(w.done) != 0 {
		t.Fatal("Run has returned although queries wait to be published")
	}
	close(w.gate)
	if err := <-w.done; err != nil {
		t.Errorf("Run = %v", err)
	}
	if n := len(w.published()); n != 100 {
		t.Errorf("%d events; want 100", n)
	}
	w.balanced()
}

// TestService_Run_listen returns an error and is never ready if it cannot listen.
func TestService_Run_listen(t *testing.T) {
	t.Parallel()
	taken, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	at := taken.LocalAddr().String()
	w := newWorld(t, func(_ *world, c *config.Resolver) { c.Listen = []string{at} })
	w.run()
	if err := <-w.done; err == nil || !strings.Contains(err.Error(), "resolver.listen: udp "+at) {
		t.Errorf("Run = %v; want that the port is in use", err)
	}
	select {
	case <-w.Ready():
		t.Error("the service is ready though it does not listen")
	default:
	}
}

// TestService_tsv brings the rows of blocky's query log to the disk, with or without
// events.
func TestService_tsv(t *testing.T) {
	t.Parallel()
	for _, events := range []bool{true, false} {
		w := newWorld(t, func(_ *world, c *config.Resolver) { c.TSV.Dir, c.Log.Enabled = t.TempDir(), events })
		w.start()
		w.wantAnswer("www.example", "NOERROR", "198.51.100.1")
		rows := func() int {
			files, _ := filepath.Glob(w.settings.TSV.Dir + "/*_asker.log")
			if len(files) != 1 {
				return 0
			}
			text, err := os.ReadFile(files[0])
			if err != nil {
				t.Fatal(err)
			}
			return strings.Count(string(text), "\n")
		}
		dnstest.Until(t, "a row is on the disk while the service runs", func() bool { return rows() == 1 })
		w.wantAnswer("www.example", "NOERROR", "198.51.100.1")
		w.stop()
		if n := rows(); n != 2 {
			t.Errorf("events %v: %d rows; want 2", events, n)
		}
		if n := len(w.published()); (n == 2) != events {
			t.Errorf("events %v: %d were published", events, n)
		}
		w.balanced()
	}
	w := newWorld(t, func(_ *world, c *config.Resolver) { c.TSV.Dir = "/nonexistent" })
	if err := w.Open(); err == nil || !strings.Contains(err.Error(), "resolver.tsv.dir: ") {
		t.Errorf("Open without the directory = %v", err)
	}
}

// TestService_silent answers queries with the log switched off.
func TestService_silent(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(_ *world, c *config.Resolver) { c.Log.Enabled = false })
	w.start()
	w.wantAnswer("www.example", "NOERROR", "198.51.100.1")
	w.stop()
	if n := w.counters(); len(w.published()) != 0 || n["received"] != 1 || n["logged"] != 0 {
		t.Errorf("published %q, received %d, logged %d; want 1 received", w.published(), n["received"], n["logged"])
	}
}

// TestService_reload lets new rules apply, and keeps the old ones if the configuration is
// invalid or has no resolver any more.
func TestService_reload(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.start()
	w.wantAnswer("ads.example", "NOERROR", "198.51.100.2")
	changed := *w.settings
	changed.Lists = map[string]config.ResolverList{"ads": {Deny: []string{"ads.example\nads2.example\n"}}, "unused": {Deny: []string{"x.example\n"}}}
	changed.Policies = []config.ResolverPolicy{{Qubes: []string{"asker"}, Lists: []string{"ads"}}}
	good := w.parse(&changed)
	w.again = func() (*dns.Settings, error) { return good, nil }
	if err := w.reload(); err != nil {
		t.Errorf("reload = %v", err)
	}
	w.wantAnswer("ads.example", "NOERROR", "0.0.0.0")
	if text := w.log.String(); !strings.Contains(text, `msg="no policy uses this list" list=unused`) {
		t.Errorf("log %s; want the list that no policy uses", text)
	}
	bad := changed
	bad.HostsFiles, bad.Lists = []string{"/nonexistent"}, nil
	bad.Policies = nil
	broken := w.parse(&bad)
	for want, read := range map[string]func() (*dns.Settings, error){
		"no longer has resolver.listen": func() (*dns.Settings, error) { return nil, nil },
		"unreadable":                    func() (*dns.Settings, error) { return nil, errors.New("unreadable") },
		"resolver.hosts_files":          func() (*dns.Settings, error) { return broken, nil },
	} {
		w.again = read
		if err := w.reload(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("reload = %v; want %q", err, want)
		}
		w.wantAnswer("ads2.example", "NOERROR", "0.0.0.0")
	}
	w.stop()
	w.balanced()
}

// TestService_obey obeys the rules of qvm-firewall as far as the configuration says and
// there is a QubesDB.
func TestService_obey(t *testing.T) {
	t.Parallel()
	// The rules are those of no client. The machine itself is never refused, so that the
	// tests ask the counters, not the resolver.
	entries := map[string]string{"/qubes-firewall/10.137.0.6/policy": "drop", "/qubes-firewall/10.137.0.6/0000": "action=accept"}
	for _, tt := range []struct {
		name, obey string
		daemon     bool
		obeyed     uint64
		warning    string
	}{
		{"never", "never", true, 0, "resolver.qvm_firewall.obey is never"},
		{"auto, with QubesDB", "auto", true, 1, ""},
		{"auto, without QubesDB", "auto", false, 0, "there is no QubesDB at "},
		{"always, with QubesDB", "always", true, 1, ""},
		{"always, without QubesDB", "always", false, 1, "every query is refused"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(_ *world, c *config.Resolver) {
				if c.Firewall.Obey = tt.obey; tt.daemon {
					c.Firewall.Socket = testbed.StartQubesDB(t, entries).Path
				}
			})
			w.start()
			follows := tt.obeyed == 1 && tt.daemon
			dnstest.Until(t, "the rules are followed", func() bool { return !follows || w.counters()["qubesdb_connected"] == 1 })
			n := w.counters()
			if n["qvm_firewall_obeyed"] != tt.obeyed {
				t.Errorf("qvm_firewall_obeyed = %d; want %d", n["qvm_firewall_obeyed"], tt.obeyed)
			}
			if clients, ok := n["qvm_firewall_clients"]; ok != (tt.obeyed == 1) || follows != (clients == 1) {
				t.Errorf("the rules of %d clients are known, %v", clients, ok)
			}
			if text := w.log.String(); !strings.Contains(text, tt.warning) || tt.warning == "" && strings.Contains(text, "qvm-firewall") {
				t.Errorf("log %s; want %q", text, tt.warning)
			}
			w.stop()
		})
	}
}

// remote serves a list. hold, if not nil, holds its answer back.
func remote(t *testing.T, code int, hold <-chan struct{}) (url string, asked <-chan struct{}) {
	t.Helper()
	requests := make(chan struct{}, 100)
	s := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		requests <- struct{}{}
		select {
		case <-hold:
		case <-r.Context().Done():
		}
		out.WriteHeader(code)
		_, _ = out.Write([]byte("ads.example\n"))
	}))
	t.Cleanup(s.Close)
	return s.URL + "/list", requests
}

func open() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}

// withList has the settings fetch one list.
func withList(c *config.Resolver, url, start string) {
	c.Lists = map[string]config.ResolverList{"ads": {Deny: []string{url}}}
	c.Refresh.Start, c.Refresh.Attempts = start, 1
}

// TestService_fetchLists serves at once, or after the lists were fetched, or not at all if
// one could not be fetched.
func TestService_fetchLists(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, start string
		code        int
		fails       bool
		blocks      bool // the first query is answered by the list
	}{
		{"blocking", "blocking", http.StatusOK, false, true},
		{"blocking, not to be had", "blocking", http.StatusNotFound, false, false},
		{"fail_on_error", "fail_on_error", http.StatusOK, false, true},
		{"fail_on_error, not to be had", "fail_on_error", http.StatusNotFound, true, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			url, _ := remote(t, tt.code, open())
			w := newWorld(t, func(_ *world, c *config.Resolver) { withList(c, url, tt.start) })
			w.run()
			if tt.fails {
				if err := <-w.done; err == nil || !strings.Contains(err.Error(), "resolver.list_refresh.start is fail_on_error: ") {
					t.Errorf("Run = %v; want that the list could not be fetched", err)
				}
				return
			}
			<-w.Ready()
			want := "198.51.100.2"
			if tt.blocks {
				want = "0.0.0.0"
			}
			w.wantAnswer("ads.example", "NOERROR", want)
			if failed := strings.Contains(w.log.String(), "not all lists could be fetched"); failed != (tt.code != http.StatusOK) {
				t.Errorf("log %s", &w.log)
			}
			w.stop()
		})
	}
}

// TestService_fetchLists_order waits for the lists before it is ready, but not if they are
// to be fetched in the background.
func TestService_fetchLists_order(t *testing.T) {
	t.Parallel()
	for _, start := range []string{"fast", "blocking"} {
		hold := make(chan struct{})
		url, asked := remote(t, http.StatusOK, hold)
		w := newWorld(t, func(_ *world, c *config.Resolver) { withList(c, url, start) })
		w.run()
		<-asked
		if start == "fast" {
			<-w.Ready()
			w.wantAnswer("www.example", "NOERROR", "198.51.100.1")
		} else {
			select {
			case <-w.Ready():
				t.Error("the service is ready before it has its lists")
			default:
			}
		}
		close(hold)
		<-w.Ready()
		w.stop()
	}
}

// TestService_fetchLists_stop gives up the lists at once, and without an error.
func TestService_fetchLists_stop(t *testing.T) {
	t.Parallel()
	for _, start := range []string{"blocking", "fail_on_error"} {
		url, asked := remote(t, http.StatusOK, nil)
		w := newWorld(t, func(_ *world, c *config.Resolver) { withList(c, url, start) })
		w.run()
		<-asked
		began := time.Now()
		w.stop()
		if took := time.Since(began); took > longWait/2 {
			t.Errorf("%s: the stop took %v", start, took)
		}
	}
}

// TestService_Open_faults returns what cannot be opened, and warns about lists that
// cannot be read.
func TestService_Open_faults(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, tt := range []struct {
		name   string
		change func(w *world, c *config.Resolver)
		want   string
	}{
		{"socket", func(_ *world, c *config.Resolver) { c.Socket = "/proc/nowhere/dns.sock" }, "resolver.socket: "},
		{"hosts", func(_ *world, c *config.Resolver) { c.HostsFiles = []string{"/nonexistent"} }, "resolver.hosts_files: "},
	} {
		if err := newWorld(t, tt.change).Open(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: Open = %v; want %q", tt.name, err, tt.want)
		}
	}
	w := newWorld(t, func(_ *world, c *config.Resolver) {
		c.Lists = map[string]config.ResolverList{"ads": {Deny: []string{dir + "/absent"}}, "own": {Deny: []string{"a.example\n/(/\nb c\n"}}, "fine": {Deny: []string{"a.example\n"}}}
	})
	w.start()
	text := w.log.String()
	if !strings.Contains(text, `msg="a list has faults" list=ads`) {
		t.Errorf("log %s; want the list that cannot be read", text)
	}
	if want := `msg="a list has invalid lines, which block nothing" list=own source=inline lines=2 first="line 2, \"/(/\": `; !strings.Contains(text, want) {
		t.Errorf("log %s; want %s", text, want)
	}
	if strings.Contains(text, "list=fine") {
		t.Errorf("log %s; want nothing of a list without faults", text)
	}
	w.stop()
}

// TestService_IsUpstream knows the servers that the resolver asks.
func TestService_IsUpstream(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.Renew() // before Open there is nothing to renew
	w.start()
	if !w.IsUpstream(w.up.Addr) || w.IsUpstream(netip.AddrPortFrom(loopback, 9)) {
		t.Error("IsUpstream does not know the upstream, or knows another server")
	}
	w.Renew()
	w.stop()
}

// TestService_dropped publishes one event for the queries of a client that are over its
// rate, with their number.
func TestService_dropped(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(_ *world, c *config.Resolver) { c.Limits.Rate, c.Limits.Burst = 1, 1 })
	w.start()
	w.wantAnswer("www.example", "NOERROR", "198.51.100.1")
	w.flood(10)
	dnstest.Until(t, "all queries were received", func() bool { return w.counters()["received"] == 11 })
	w.stop()
	var dropped uint32
	for _, d := range w.documents {
		if d.Action == dnsevent.Dropped {
			dropped += d.Count
		}
	}
	if n := w.counters(); uint64(dropped) != n["dropped"] || n["dropped"] != n["over_rate"] || dropped < 5 {
		t.Errorf("%d dropped queries in events; want %d, at least 5", dropped, n["dropped"])
	}
	w.balanced()
}
