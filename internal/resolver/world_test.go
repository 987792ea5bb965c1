package resolver_test

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	conf "github.com/elastic/elastic-agent-libs/config"

	"github.com/qubesbeat/qubesbeat/config"
	"github.com/qubesbeat/qubesbeat/internal/dnsevent"
	"github.com/qubesbeat/qubesbeat/internal/dnstest"
	"github.com/qubesbeat/qubesbeat/internal/qube"
	"github.com/qubesbeat/qubesbeat/internal/querylog"
	"github.com/qubesbeat/qubesbeat/internal/resolver"
	dnsmodule "github.com/qubesbeat/qubesbeat/module/dns"
)

// world is what a row takes place in.
type world struct {
	*resolver.Resolver
	row   *row
	addr  string // of the resolver that is asked
	ours  bool
	dir   string
	ups   map[string]*dnstest.Server
	web   *web
	conf  *resolver.Config
	log   *dnsevent.Queue
	clock *clock
	tsv   *querylog.Writer // nil without resolver.tsv.dir
	day   string           // of the first row in it
	names *strings.Replacer
	stop  func()
}

// script is what an upstream of a row does.
type script = dnstest.Handler

// become changes what an upstream does.
func become(name string, do script) func(t testing.TB, w *world) {
	return func(_ testing.TB, w *world) { w.ups[name].Handle(do) }
}

// clock is that of a resolver. It stands still but for what rows let pass at once, so
// that a busy machine costs no second of a TTL or a rate.
type clock struct {
	begin time.Time
	ahead atomic.Int64
}

func newClock() *clock { return &clock{begin: time.Now()} }

func (c *clock) now() time.Time { return c.begin.Add(time.Duration(c.ahead.Load())) }

func (c *clock) advance(d time.Duration) { c.ahead.Add(int64(d)) }

// inventory has the qubes that rows ask from.
func inventory() []*qube.Qube {
	at := func(s string) netip.Addr { return netip.MustParseAddr(s) }
	return []*qube.Qube{
		{Name: "work-mail", Class: "AppVM", Label: "blue", Template: "debian-12", Tags: []string{"office"}, IP: at("127.10.0.1")},
		{Name: "work-web", Class: "AppVM", Label: "blue", Template: "debian-12", IP: at("127.10.0.2")},
		{Name: "untrusted", Class: "AppVM", Label: "red", Template: "fedora-41", IP: at("127.10.0.3")},
		{Name: "kiosk", Class: "DispVM", Label: "orange", Template: "whonix-17", Tags: []string{"kiosk", "office"}, IP: at("127.10.0.4")},
		{Name: "host7", Class: "AppVM", Label: "gray", Template: "fedora-41", IP: at("127.10.0.7")},
		{Name: "web.one", Class: "AppVM", Label: "gray", Template: "fedora-41", IP: at("127.10.0.8")},
		{Name: "web_one", Class: "AppVM", Label: "gray", Template: "fedora-41", IP: at("127.10.0.9")},
	}
}

// run makes the world of a row and goes through its steps.
func run(t *testing.T, r *row) {
	w := &world{row: r, dir: t.TempDir(), clock: newClock(), ups: map[string]*dnstest.Server{}}
	if *target != "" {
		w.addr, w.names = *target, strings.NewReplacer("example.com", *known)
	} else {
		w.build(t)
		err := w.start(t)
		if (err == nil) != (r.fails == "") || err != nil && !strings.Contains(err.Error(), r.fails) {
			t.Fatalf("the start says %v; want %q", err, r.fails)
		}
	}
	for i := range r.steps {
		w.step(t, i+1, &r.steps[i])
	}
}

// build starts what the resolver stands on.
func (w *world) build(t testing.TB) {
	t.Helper()
	w.ours = true
	for name, text := range w.row.files {
		write(t, filepath.Join(w.dir, name), text)
	}
	w.web = newWeb(t)
	for path, p := range w.row.web {
		have(path, p)(t, w)
	}
	pairs := []string{"$WEB", w.web.url, "$DIR", w.dir, "$CA", writeAuthority(t, w.dir)}
	for name, s := range w.row.up {
		w.ups[name] = dnstest.NewServer(t, s)
	}
	if w.ups["up"] == nil {
		w.ups["up"] = dnstest.NewServer(t, dnstest.Zone(world0))
	}
	for name, start := range w.row.servers {
		at := start(t)
		_, port, _ := net.SplitHostPort(at)
		pairs = append(pairs, "$"+name, at, "$PORT", port)
	}
	for name, up := range w.ups {
		pairs = append(pairs, "$"+name, up.Addr.String())
	}
	w.names = strings.NewReplacer(pairs...)
}

// start reads the settings of the row and serves by them, as package beater does.
// A resolver that was there before ends first.
func (w *world) start(t testing.TB) error {
	t.Helper()
	if w.stop != nil {
		w.stop()
	}
	s, err := settings(w.names.Replace(w.row.yaml))
	if err != nil {
		return err
	}
	up := w.ups["up"].Addr.String()
	parsed, err := dnsmodule.Parse(s)
	if err != nil {
		return err
	}
	c, err := parsed.Build([]string{"udp://" + up}, filepath.Join(w.dir, "lists"), nil)
	if err != nil {
		return err
	}
	at := dnstest.FreePort(t, nextAddress())
	c.Listen, c.Log = []netip.AddrPort{at}, dnsevent.NewQueue(s.Log.Queue)
	c.Qubes, c.ACL, c.Clock = inventory, w.row.gate, w.clock.now
	w.conf, w.log, w.addr = c, c.Log, at.String()
	if w.Resolver, err = resolver.New(*c); err != nil {
		return err
	}
	if s.Refresh.Start != "fast" {
		if err := w.RefreshLists(context.Background(), false); err != nil && s.Refresh.Start == "fail_on_error" {
			return err
		}
	}
	if s.TSV.Dir != "" {
		w.tsv, err = querylog.New(querylog.Config{Dir: s.TSV.Dir, Instance: "instance", Days: s.TSV.RetentionDays, Strict: s.TSV.StrictBlocky})
		if err != nil {
			return err
		}
		t.Cleanup(func() { _ = w.tsv.Close() })
	}
	begin := time.Now()
	w.serve(t)
	if s.Refresh.Period == 0 {
		w.settle(t, begin)
	}
	return nil
}

func (w *world) serve(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	r := w.Resolver
	go func() { done <- r.Serve(ctx) }()
	select {
	case <-r.Ready():
	case err := <-done:
		cancel()
		t.Fatalf("the resolver does not serve: %v", err)
	}
	w.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(w.stop)
}

// longWait is how long a resolver waits for an attempt, and a test for an answer, unless
// the row or test is about the wait: longer than a busy machine takes.
const longWait = time.Minute

// settings reads what stands under `resolver:`, strictly. Upstreams have all the time
// that there is, unless the text says otherwise.
func settings(text string) (*config.Resolver, error) {
	indented := "resolver:\n  " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n  ") + "\n"
	raw, err := conf.NewConfigWithYAML([]byte(indented), "row")
	if err != nil {
		return nil, err
	}
	tree := map[string]any{}
	if err := raw.Unpack(&tree); err != nil {
		return nil, err
	}
	if _, err := config.Check("qubesbeat", tree, nil); err != nil {
		return nil, err
	}
	c := config.Default()
	c.Resolver.Timeout, c.Resolver.Budget = config.Duration(longWait), config.Duration(longWait)
	return &c.Resolver, raw.Unpack(&c)
}

var addresses atomic.Uint32

// nextAddress returns a loopback address that no other row serves at: a port
// that is free now could be somebody's a moment later, but not there.
func nextAddress() netip.Addr {
	n := addresses.Add(1)
	return netip.AddrFrom4([4]byte{127, 78, byte(n / 250), byte(n%250 + 1)})
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// step takes one step.
func (w *world) step(t *testing.T, n int, s *step) {
	t.Helper()
	if s.do != nil {
		s.do(t, w)
	}
	if s.q == "" {
		return
	}
	where := fmt.Sprintf("step %d, %s", n, s.q)
	got := w.ask(t, where, s)
	if !w.ours {
		got.sameCode(s.want)
	} else {
		got.same(w.names.Replace(s.want))
		w.note(t, where, w.names.Replace(s.log))
	}
	if s.check != nil {
		s.check(got)
	}
	if w.ours && s.asked != "" {
		w.countAsked(t, where, s.asked)
	}
}

// note compares the entry of the log that belongs to what was just asked.
func (w *world) note(t *testing.T, where, want string) {
	t.Helper()
	if want == "none" { // a flood is logged later, as one entry
		return
	}
	e := w.entry(t)
	if got := e.Outcome.From.String() + " | " + e.Reason(lower(e.Name)); want != "" && got != want {
		t.Errorf("%s: the log says %q; want %q", where, got, want)
	}
}

// entry returns the next entry of the log.
func (w *world) entry(t testing.TB) *dnsevent.Entry {
	t.Helper()
	batch := make([]dnsevent.Entry, 1)
	if n := w.log.Pop(batch, time.Now().Add(longWait)); n == 0 {
		t.Fatal("the log has no entry of the query")
	}
	e := &batch[0]
	if w.tsv != nil {
		w.row11(t, e)
	}
	return e
}

// row11 writes a row of the query log, as package beater does.
func (w *world) row11(t testing.TB, e *dnsevent.Entry) {
	t.Helper()
	if w.day == "" {
		w.day = time.Unix(0, e.At).Format(time.DateOnly)
	}
	name := ""
	if e.Qube != nil {
		name = e.Qube.Name
	}
	if err := w.tsv.Write(e, name); err != nil {
		t.Fatal(err)
	}
}

// countAsked compares how often upstreams have been asked: "up 2, other 0".
func (w *world) countAsked(t *testing.T, where, want string) {
	t.Helper()
	for part := range strings.SplitSeq(want, ", ") {
		name, n, _ := strings.Cut(part, " ")
		dnstest.Until(t, fmt.Sprintf("%s: the upstream %s was asked %s times so far", where, name, n), func() bool { // it may count late
			return fmt.Sprint(w.ups[name].Asked()) == n
		})
	}
}
