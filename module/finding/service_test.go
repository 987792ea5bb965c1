package finding_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/config"
	"github.com/qubesbeat/qubesbeat/internal/behaviour"
	"github.com/qubesbeat/qubesbeat/internal/clienthello"
	"github.com/qubesbeat/qubesbeat/internal/enrich"
	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/firewall"
	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/guard"
	"github.com/qubesbeat/qubesbeat/internal/metrics"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/qube"
	"github.com/qubesbeat/qubesbeat/module/finding"
)

const start = int64(1_700_000_000e9)

type sink struct{ documents []*finding.Document }

func (s *sink) Publish(d event.Document) { s.documents = append(s.documents, d.(*finding.Document)) }

var (
	work = &qube.Qube{Name: "work", Label: "blue", IP: netip.MustParseAddr("10.137.0.6"), XID: 7}
	disp = &qube.Qube{Name: "disp1234", Label: "red", Class: "DispVM", Template: "browser-dvm", IP: netip.MustParseAddr("10.137.0.8"), XID: 8}
)

// inventory has both qubes.
type inventory struct{}

func (inventory) ByDomain(id int32, _ time.Time) *qube.Qube {
	return map[int32]*qube.Qube{7: work, 8: disp}[id]
}

func (inventory) ByAddr(a netip.Addr, _ time.Time) *qube.Qube {
	return map[netip.Addr]*qube.Qube{work.IP: work, disp.IP: disp}[a]
}

// world is a service, what it publishes, and what feeds it.
type world struct {
	*finding.Service
	sink
	feed interface {
		Notice(*flow.Notice)
		Record(*flow.Record)
		Flush(idle bool)
	}
	hello *clienthello.Hello
	log   strings.Builder
}

func newWorld(change func(*finding.Config, *finding.Deps)) *world {
	w := &world{}
	c := finding.Config{Detect: config.Default().Detect, Qubes: true}
	d := finding.Deps{Sink: &w.sink, Logger: slog.New(slog.NewTextHandler(&w.log, nil)), Resolver: func(a netip.Addr) bool { return a == netip.MustParseAddr("10.139.1.1") },
		Enricher: &enrich.Enricher{Qubes: inventory{}, Name: func(i uint32) string { return fmt.Sprintf("vif%d.0", i) }}}
	if change != nil {
		change(&c, &d)
	}
	w.Service = finding.New(c, d)
	w.feed = w.Feed(func(*flow.Record) *clienthello.Hello { return w.hello })
	return w
}

// run runs the service while do feeds it.
func (w *world) run(t *testing.T, do func()) {
	t.Helper()
	if err := w.Open(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	<-w.Ready()
	do()
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// opened feeds the beginning of a connection of a qube.
func (w *world) opened(q *qube.Qube, to string, at int64) {
	dst := netip.MustParseAddrPort(to)
	n := flow.Notice{Kind: flow.Opened, At: at, Born: at, Iface: uint32(q.XID), Proto: packet.ProtoTCP, SourcePort: 40000, DestinationPort: dst.Port(),
		FromSource: packet.Inbound}
	n.Source, n.Family = packet.AddrFrom(q.IP)
	n.Destination, _ = packet.AddrFrom(dst.Addr())
	w.feed.Notice(&n)
	w.feed.Flush(true)
}

// ended feeds the end of a connection of a qube.
func (w *world) ended(q *qube.Qube, to string, proto uint8, at int64) {
	dst := netip.MustParseAddrPort(to)
	r := flow.Record{Born: at, Start: at, End: at + 1e9, Iface: uint32(q.XID), Proto: proto, FromSource: packet.Inbound, Reason: flow.ReasonEnd}
	r.Source.Addr, r.Family = packet.AddrFrom(q.IP)
	r.Source.Port, r.Source.Sent = 40000, true
	r.Destination.Addr, _ = packet.AddrFrom(dst.Addr())
	r.Destination.Port = dst.Port()
	w.feed.Record(&r)
	w.feed.Flush(true)
}

// found returns what was published, in short.
func (w *world) found() (list []string) {
	for _, d := range w.documents {
		name := ""
		if d.Qube != nil {
			name = d.Qube.Name
		}
		list = append(list, fmt.Sprintf("%s %s/%s %s", name, d.Rule, d.Way, d.Level))
	}
	return list
}

// TestService_bypass finds the flows that bypass the resolver, each kind once a day.
func TestService_bypass(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, to string
		proto    uint8
		sni      string
		want     string // "" for no finding
	}{
		{"the resolver itself", "10.139.1.1:53", packet.ProtoUDP, "", ""},
		{"another DNS server", "8.8.8.8:53", packet.ProtoUDP, "", "work dns-bypass/dns medium"},
		{"DNS over TLS", "192.0.2.1:853", packet.ProtoTCP, "dns.example", "work dns-bypass/dot low"},
		{"DNS over HTTPS", "192.0.2.1:443", packet.ProtoTCP, "dns.google", "work dns-bypass/doh low"},
		{"a web server", "192.0.2.1:443", packet.ProtoTCP, "www.example", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(nil)
			if tt.sni != "" {
				w.hello = &clienthello.Hello{ServerName: tt.sni}
			}
			w.run(t, func() {
				for i := range int64(3) {
					w.ended(work, tt.to, tt.proto, start+i*1e9)
				}
			})
			var want []string
			if tt.want != "" {
				want = []string{tt.want}
			}
			if diff := cmp.Diff(want, w.found()); diff != "" {
				t.Errorf("findings mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

// TestService_subjects gives a numbered disposable the baseline of its template, unless each
// has its own, and what has no name that of its interface.
func TestService_subjects(t *testing.T) {
	t.Parallel()
	stranger := &qube.Qube{IP: netip.MustParseAddr("10.137.0.99"), XID: 99}
	for _, tt := range []struct {
		q          *qube.Qube
		each       bool
		want, name string
	}{{work, false, "work", "work"}, {disp, false, "disp:browser-dvm", "disp1234"}, {disp, true, "disp1234", "disp1234"}, {stranger, false, "vif99.0", ""}} {
		w := newWorld(func(c *finding.Config, _ *finding.Deps) {
			if tt.each {
				c.Detect.Disposables = "each"
			}
		})
		w.run(t, func() { w.opened(tt.q, "192.168.1.5:22", start) })
		if len(w.documents) != 1 || w.documents[0].Subject != tt.want {
			t.Errorf("findings of %q = %v; want one of the subject %q", tt.name, w.found(), tt.want)
		}
	}
}

// TestService_Verdict finds an attempt that the firewall has refused.
func TestService_Verdict(t *testing.T) {
	t.Parallel()
	w := newWorld(nil)
	w.run(t, func() {
		w.Verdict(&firewall.Verdict{First: start, In: "vif7.0", Point: firewall.InterQube,
			Tuple: firewall.Tuple{Proto: packet.ProtoTCP, Src: work.IP, Dst: disp.IP, SrcPort: 5, DstPort: 22}})
	})
	if diff := cmp.Diff([]string{"work lateral/to-qube medium"}, w.found()); diff != "" {
		t.Fatalf("findings mismatch (-want +got):\n%s", diff)
	}
	if d := w.documents[0]; !d.Refused || !strings.Contains(d.Reason, "inter-qube") {
		t.Errorf("finding = %+v", d)
	}
}

// TestService_allow leaves out what the configuration expects, by each condition.
func TestService_allow(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		allow config.DetectAllow
		want  int
	}{
		{config.DetectAllow{Qubes: []string{"wo*"}}, 0},
		{config.DetectAllow{Qubes: []string{"mail"}}, 1},
		{config.DetectAllow{Labels: []string{"blue"}}, 0},
		{config.DetectAllow{Labels: []string{"red"}}, 1},
		{config.DetectAllow{Rules: []string{"lateral"}, Networks: []string{"192.168.0.0/16"}, Ports: []uint16{22}}, 0},
		{config.DetectAllow{Rules: []string{"*"}, Networks: []string{"192.168.1.6"}}, 1},
		{config.DetectAllow{Rules: []string{"beacon"}}, 1},
		{config.DetectAllow{Domains: []string{"example.org"}}, 1},
		{config.DetectAllow{Ports: []uint16{631}}, 1},
	} {
		w := newWorld(func(c *finding.Config, _ *finding.Deps) { c.Detect.Allow = []config.DetectAllow{tt.allow} })
		w.run(t, func() { w.opened(work, "192.168.1.5:22", start) })
		if len(w.documents) != tt.want {
			t.Errorf("%+v: %d findings; want %d", tt.allow, len(w.documents), tt.want)
		}
	}
}

// beacons feeds 40 check-ins of work.
func (w *world) beacons(from, to int64) {
	for i := from; i < to; i++ {
		w.opened(work, "203.0.113.66:4443", start+i*60e9)
	}
}

// TestService_state finds the same in two runs as in one, keeps the state to itself, and
// goes on with a state that cannot be read.
func TestService_state(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	live := func(c *finding.Config, _ *finding.Deps) { c.Live, c.DataDir = true, dir }
	first := newWorld(live)
	first.run(t, func() { first.beacons(0, 6) })
	second := newWorld(live)
	second.run(t, func() { second.beacons(6, 14) })
	if len(first.documents) != 0 || len(second.documents) != 1 || second.documents[0].Beats != 9 {
		t.Errorf("found %v and %v; want a beacon of nine beats in the second run", first.found(), second.found())
	}
	for _, name := range []string{"behaviour.state", "behaviour.key"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v; want a file for its owner only", name, info, err)
		}
	}
	state := filepath.Join(dir, "behaviour.state")
	if err := os.WriteFile(state, []byte("qbh1 and nothing that follows"), 0o600); err != nil {
		t.Fatal(err)
	}
	third := newWorld(live)
	third.run(t, func() { third.beacons(0, 14) })
	if len(third.documents) != 1 || !strings.Contains(third.log.String(), "learning starts again") {
		t.Errorf("found %v after an unreadable state; log: %s", third.found(), third.log.String())
	}
	if _, err := os.Stat(state + ".bad"); err != nil {
		t.Errorf("the unreadable state was not kept: %v", err)
	}
}

// TestService_commands answers what the commands ask.
func TestService_commands(t *testing.T) {
	t.Parallel()
	w := newWorld(nil)
	w.run(t, func() { w.beacons(0, 12) })
	list := w.Findings()
	if len(list) != 1 || list[0].Rule != "beacon" || list[0].Qube != "work" || list[0].Reason == "" {
		t.Fatalf("Findings = %+v", list)
	}
	if p := w.Profiles("work"); len(p) != 1 || p[0].Destinations != 1 || p[0].Learned {
		t.Errorf("Profiles = %+v", p)
	}
	if u := w.CheckUse("work", "203.0.113.66"); !u.Used || u.Held || u.Known {
		t.Errorf("CheckUse = %+v; want a destination that is learned", u)
	}
	if f, err := w.Dismiss(list[0].ID); err != nil || !f.Dismissed || !w.Findings()[0].Dismissed {
		t.Errorf("Dismiss = %+v, %v", f, err)
	}
	if _, err := w.Dismiss("nothing"); err == nil {
		t.Error("a finding that does not exist can be dismissed")
	}
	if n := w.ForgetBaseline("work"); n != 1 || len(w.Profiles("")) != 0 {
		t.Errorf("ForgetBaseline = %d", n)
	}
}

// TestService_panic ends the detection and nothing else, and says so once.
func TestService_panic(t *testing.T) {
	t.Parallel()
	w := newWorld(func(_ *finding.Config, d *finding.Deps) {
		d.Enricher.Name = func(i uint32) string {
			if i == 13 {
				panic("a test wants one")
			}
			return "vif7.0"
		}
		d.Guard = guard.New(guard.Config{Logger: slog.New(slog.DiscardHandler)})
	})
	bad := &qube.Qube{IP: work.IP, XID: 13}
	w.run(t, func() {
		w.opened(work, "192.168.1.5:22", start)
		w.opened(bad, "192.168.1.6:22", start)
		w.opened(bad, "192.168.1.7:22", start)
		w.opened(work, "192.168.1.8:22", start)
	})
	if len(w.documents) != 1 || strings.Count(w.log.String(), "the detection has failed") != 1 {
		t.Errorf("found %v; log: %s", w.found(), w.log.String())
	}
	lost := uint64(0)
	for _, c := range metrics.Collect(w) {
		if c.Name == "lost" {
			lost = c.Value
		}
	}
	if lost != 2 {
		t.Errorf("%d items are counted as lost; want 2", lost)
	}
}

// TestService_hold waits for the name of a client that has just started.
func TestService_hold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		w := newWorld(func(c *finding.Config, d *finding.Deps) {
			c.Live, c.Hold = true, 3*time.Second
			d.Enricher.Qubes = late{now.Add(2 * time.Second)}
		})
		w.run(t, func() {
			w.opened(work, "192.168.1.5:22", now.UnixNano())
			time.Sleep(4 * time.Second)
			synctest.Wait()
		})
		if diff := cmp.Diff([]string{"work lateral/to-lan medium"}, w.found()); diff != "" {
			t.Errorf("findings mismatch (-want +got):\n%s", diff)
		}
	})
}

// late is an inventory that has work from a time on.
type late struct{ from time.Time }

func (l late) ByDomain(id int32, at time.Time) *qube.Qube {
	if time.Now().Before(l.from) {
		return nil
	}
	return inventory{}.ByDomain(id, at)
}

func (l late) ByAddr(a netip.Addr, at time.Time) *qube.Qube { return inventory{}.ByAddr(a, at) }

// TestAttack08_service reports what a qube does although another has forged the same.
func TestAttack08_service(t *testing.T) {
	t.Parallel()
	w := newWorld(nil)
	forger := &qube.Qube{IP: work.IP, XID: 8} // the vif is that of disp1234
	w.run(t, func() {
		for i := range int64(5) {
			w.opened(forger, "192.168.1.5:22", start+i*1e9)
		}
		w.opened(work, "192.168.1.5:22", start+10e9)
	})
	if diff := cmp.Diff([]string{"disp1234 lateral/to-lan medium", "work lateral/to-lan medium"}, w.found()); diff != "" {
		t.Errorf("findings mismatch (-want +got):\n%s", diff)
	}
	if s := w.documents[0].Subject; s != "vif8.0" {
		t.Errorf("what was forged counts for %s; want the interface", s)
	}
}

// TestRules holds that the settings know the rules of the engine.
func TestRules(t *testing.T) {
	t.Parallel()
	var ids []string
	for r := range behaviour.Rules {
		ids = append(ids, r.String())
		if d := r.Description(); d.Name == "" || d.Text == "" || d.Tactic[0] == "" || d.Technique[0] == "" {
			t.Errorf("%s has no description", r)
		}
	}
	if diff := cmp.Diff(ids, config.DetectRules()); diff != "" {
		t.Errorf("rules mismatch (-behaviour +config):\n%s", diff)
	}
}
