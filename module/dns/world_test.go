package dns_test

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	miekg "github.com/miekg/dns"

	"github.com/qubesbeat/qubesbeat/config"
	"github.com/qubesbeat/qubesbeat/internal/control"
	"github.com/qubesbeat/qubesbeat/internal/dnstest"
	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/guard"
	"github.com/qubesbeat/qubesbeat/internal/metrics"
	"github.com/qubesbeat/qubesbeat/internal/qube"
	"github.com/qubesbeat/qubesbeat/internal/testbed/strict"
	"github.com/qubesbeat/qubesbeat/module/dns"
)

// zone is what the upstream of the tests knows.
const zone = `
www.example. 60 IN A 198.51.100.1
ads.example. 60 IN A 198.51.100.2
ads2.example. 60 IN A 198.51.100.3
`

// longWait is how long the resolver waits for its upstream, and a test for an answer:
// longer than a busy machine takes.
const longWait = time.Minute

var loopback = netip.MustParseAddr("127.0.0.1")

// inventory has one qube, which asks from the loopback interface.
type inventory struct{}

var asker = &qube.Qube{Name: "asker", XID: -1, IP: loopback}

// ByDomain implements [dns.Inventory].
func (inventory) ByDomain(int32, time.Time) *qube.Qube { return nil }

// ByAddr implements [dns.Inventory].
func (inventory) ByAddr(a netip.Addr, _ time.Time) *qube.Qube {
	if asker.Owns(a) {
		return asker
	}
	return nil
}

// Downstream implements [dns.Inventory].
func (inventory) Downstream(string) []string { return nil }

// All implements [dns.Inventory].
func (inventory) All() []*qube.Qube { return []*qube.Qube{asker} }

// log is what a service has logged.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer // guarded by mu
}

// Write implements [io.Writer].
func (l *log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

// String returns what was logged so far.
func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// world is a service on the loopback interface, with its upstream and its outlet.
type world struct {
	*dns.Service
	t        *testing.T
	settings *config.Resolver
	again    func() (*dns.Settings, error) // what a reload reads
	at       netip.AddrPort
	up       *dnstest.Server
	names    *dns.Names
	guard    *guard.Keeper // nil unless a test sets it
	log      log
	released int
	gate     chan struct{} // holds Publish back until it is closed, nil for none
	cancel   context.CancelFunc
	done     chan error

	mu        sync.Mutex
	documents []*dns.Document // guarded by mu
}

// Publish implements [event.Sink].
func (w *world) Publish(d event.Document) {
	if w.gate != nil {
		<-w.gate
	}
	strict.Document(w.t, "query", d)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.documents = append(w.documents, d.(*dns.Document))
}

// Delivery implements [event.Outlet].
func (w *world) Delivery() event.Delivery {
	w.mu.Lock()
	defer w.mu.Unlock()
	return event.Delivery{Acked: uint64(len(w.documents))}
}

// published returns the questions of the events so far and what was done.
func (w *world) published() (all []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, d := range w.documents {
		all = append(all, d.Question()+" "+d.Action.String())
	}
	return all
}

// newWorld returns a service that is not open yet. change, if not nil, may change its
// settings.
func newWorld(t *testing.T, change func(w *world, c *config.Resolver)) *world {
	t.Helper()
	w := &world{t: t, at: dnstest.FreePort(t, loopback), up: dnstest.NewServer(t, dnstest.Zone(zone)), done: make(chan error, 1),
		names: dns.NewNames(func(a netip.Addr) bool { return a == loopback }, nil)}
	dir := t.TempDir()
	w.settings = resolverWith(func(c *config.Resolver) {
		c.Listen = []string{w.at.String()}
		c.Timeout, c.Budget = config.Duration(longWait), config.Duration(longWait)
		c.Upstreams = map[string][]string{"default": {"udp://" + w.up.Addr.String()}}
		c.Firewall.Obey, c.Firewall.Socket = "never", filepath.Join(dir, "no-qubesdb")
		c.Socket = filepath.Join(dir, "dns.sock")
		if change != nil {
			change(w, c)
		}
	})
	set := w.parse(w.settings)
	w.again = func() (*dns.Settings, error) { return set, nil }
	w.Service = dns.New(dns.Config{Settings: set, DataDir: dir, Instance: "sys-log"}, dns.Deps{Outlet: w, Inventory: inventory{},
		Captured: func(uint32) string { return "" }, ReadSettings: func() (*dns.Settings, error) { return w.again() },
		Names: w.names, Guard: w.guard, Released: func() { w.released++ }, Logger: slog.New(slog.NewTextHandler(&w.log, nil))})
	return w
}

func (w *world) parse(c *config.Resolver) *dns.Settings {
	w.t.Helper()
	set, err := dns.Parse(c)
	if err != nil {
		w.t.Fatal(err)
	}
	return set
}

// start opens and runs the service and waits until it is ready.
func (w *world) start() {
	w.t.Helper()
	w.run()
	select {
	case <-w.Ready():
	case err := <-w.done:
		w.t.Fatalf("Run = %v; want it to serve", err)
	}
}

// run opens and runs the service.
func (w *world) run() {
	w.t.Helper()
	if err := w.Open(); err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	w.cancel = cancel
	w.t.Cleanup(cancel)
	go func() { w.done <- w.Run(ctx) }()
}

// stop ends the service.
func (w *world) stop() {
	w.t.Helper()
	w.cancel()
	if err := <-w.done; err != nil {
		w.t.Errorf("Run = %v", err)
	}
}

// ask asks for the address of a name and returns the code of the answer and the
// addresses in it.
func (w *world) ask(name string) (rcode string, addrs []string) {
	w.t.Helper()
	m := new(miekg.Msg)
	m.SetQuestion(name+".", miekg.TypeA)
	c := miekg.Client{Timeout: longWait}
	r, _, err := c.Exchange(m, w.at.String())
	if err != nil {
		w.t.Fatal(err)
	}
	for _, rr := range r.Answer {
		if a, ok := rr.(*miekg.A); ok {
			addrs = append(addrs, a.A.String())
		}
	}
	return miekg.RcodeToString[r.Rcode], addrs
}

// wantAnswer asks for a name and compares the addresses, of which there are none with any
// code other than NOERROR.
func (w *world) wantAnswer(name, rcode string, want ...string) {
	w.t.Helper()
	if code, got := w.ask(name); code != rcode || !slices.Equal(got, want) {
		w.t.Errorf("%s: %s %q; want %s %q", name, code, got, rcode, want)
	}
}

// askFrom asks for a name and returns the port and the id of the query.
func (w *world) askFrom(name string) (port, id uint16) {
	w.t.Helper()
	c, err := miekg.Dial("udp", w.at.String())
	if err != nil {
		w.t.Fatal(err)
	}
	defer c.Close()
	m := new(miekg.Msg)
	m.SetQuestion(name+".", miekg.TypeA)
	_ = c.SetDeadline(time.Now().Add(longWait))
	if err := c.WriteMsg(m); err != nil {
		w.t.Fatal(err)
	}
	if _, err := c.ReadMsg(); err != nil {
		w.t.Fatal(err)
	}
	return c.LocalAddr().(*net.UDPAddr).AddrPort().Port(), m.Id
}

// flood sends n queries and waits for no answer.
func (w *world) flood(n int) {
	w.t.Helper()
	c, err := net.Dial("udp", w.at.String())
	if err != nil {
		w.t.Fatal(err)
	}
	defer c.Close()
	m := new(miekg.Msg)
	m.SetQuestion("www.example.", miekg.TypeA)
	for range n {
		if _, err := c.Write(dnstest.Pack(m)); err != nil {
			w.t.Fatal(err)
		}
	}
}

// reload has the service read its configuration again, as `qubesbeat dns reload` does.
func (w *world) reload() error {
	var answer any
	return control.NewClient(w.settings.Socket).Post(w.t.Context(), "/reload", nil, &answer)
}

// counters returns the metrics of the service.
func (w *world) counters() map[string]uint64 {
	all := map[string]uint64{}
	for _, c := range metrics.Collect(w.Service) {
		if all[c.Name] = c.Value; c.Group != "resolver" {
			w.t.Errorf("%s is in the group %s", c.Name, c.Group)
		}
	}
	return all
}

// balanced checks that nothing is lost without being counted: see docs/architecture.md.
func (w *world) balanced() {
	w.t.Helper()
	n := w.counters()
	sum := func(names ...string) (total uint64) {
		for _, name := range names {
			if _, ok := n[name]; !ok {
				w.t.Errorf("there is no counter %s", name)
			}
			total += n[name]
		}
		return total
	}
	if got := sum("resolved", "cached", "blocked", "local", "refused", "failed", "dropped", "waiting"); got != sum("received") {
		w.t.Errorf("received %d; want %d: %v", n["received"], got, n)
	}
	if got := sum("log_written", "log_dropped", "log_waiting", "log_lost"); got != sum("logged") {
		w.t.Errorf("logged %d; want %d: %v", n["logged"], got, n)
	}
	if got := sum("published", "held"); w.settings.Log.Enabled && got != n["log_written"] {
		w.t.Errorf("written %d; want %d: %v", n["log_written"], got, n)
	}
}
