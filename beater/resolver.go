package beater

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/elastic-agent-libs/paths"

	"github.com/qubesbeat/qubesbeat/config"
	"github.com/qubesbeat/qubesbeat/internal/control"
	"github.com/qubesbeat/qubesbeat/internal/dnsevent"
	"github.com/qubesbeat/qubesbeat/internal/qube"
	"github.com/qubesbeat/qubesbeat/internal/qubesdb"
	"github.com/qubesbeat/qubesbeat/internal/querylog"
	"github.com/qubesbeat/qubesbeat/internal/resolver"
)

// dns is the resolver and the way of its events, nil where there is none.
type dns struct {
	*resolver.Resolver
	log      *dnsevent.Queue   // nil where the log is off
	firewall *qubesdb.Firewall // nil where nobody is asked
	why      string            // firewall is nil
	tsv      *querylog.Writer  // nil without resolver.tsv.dir
	control  *control.Server
	sink     *sink
	acks     ackCounter
	writer   dnsWriter
	done     chan struct{} // closed when everything has been written
	serving  sync.WaitGroup
	failed   atomic.Pointer[error]
}

// Parts of memoryLimit, in bytes.
const (
	memoryBase    = 62 << 20 // libbeat, its queue, and some garbage
	memoryLists   = 25 << 20 // two tables of a million names, while one replaces the other
	memoryPerFlow = 220
)

// memoryLimit is from where on garbage is collected more often. Cache and lists stay
// in use for long: with Go's own measure the process takes twice their size, on a
// machine of 400 MB.
func memoryLimit(c *config.Config) int64 {
	limit := int64(memoryBase + c.Resolver.Cache.SizeMB<<20)
	if len(c.Resolver.Lists) > 0 {
		limit += memoryLists
	}
	if c.Flows.Enabled {
		limit += int64(c.Flows.MaxFlows)*memoryPerFlow + int64(c.Transactions.MaxMemoryMB)<<20
	}
	return limit
}

// newResolver makes the resolver that the configuration asks for. It opens no
// socket for clients yet.
func (r *run) newResolver(p beat.Pipeline, plain bool) (err error) {
	s := &r.settings.Resolver
	if !s.On() || !r.live {
		return nil
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit(&r.settings.Config))
	}
	d := &dns{done: make(chan struct{})}
	log := r.slog()
	if err := d.openFirewall(s.Firewall.Obey, s.Firewall.Socket, log); err != nil {
		return err
	}
	c, err := buildResolver(s)
	if err != nil {
		return err
	}
	if d.firewall != nil {
		c.ACL = d.firewall
	}
	c.Qubes = func() []*qube.Qube { return r.index.All() }
	c.Logger, c.Released = log, debug.FreeOSMemory
	if s.Log.Enabled || s.TSV.Dir != "" {
		d.log = dnsevent.NewQueue(s.Log.Queue)
		c.Log = d.log
	}
	if s.TSV.Dir != "" {
		host, _ := os.Hostname()
		d.tsv, err = querylog.New(querylog.Config{Dir: s.TSV.Dir, Instance: host, Days: s.TSV.RetentionDays, Strict: s.TSV.StrictBlocky})
		if err != nil {
			return fmt.Errorf("resolver.tsv.dir: %w", err)
		}
	}
	none := func() (beat.ProcessingConfig, error) { return beat.ProcessingConfig{}, nil }
	if d.sink, err = newSink(p, none, plain, &d.acks); err != nil {
		return err
	}
	if d.Resolver, err = resolver.New(*c); err != nil {
		return err
	}
	d.warnLists(s, log)
	if err := d.fetchFirst(s.Refresh.Start, log); err != nil {
		return err
	}
	socket := s.Socket
	if socket == "" {
		socket = paths.Resolve(paths.Data, "dns.sock")
	}
	reload := func() error { return r.reloadResolver(d) }
	if d.control, err = control.Listen(socket, d.Resolver, reload); err != nil {
		return fmt.Errorf("resolver.socket: %w", err)
	}
	d.writer.run, d.writer.dns = r, d
	r.dns = d
	return nil
}

func buildResolver(s *config.Resolver) (*resolver.Config, error) {
	c, err := s.Build(defaultUpstreams(s.Firewall.Socket), paths.Resolve(paths.Data, "lists"))
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	return c, nil
}

// openFirewall decides whether the rules of qvm-firewall are obeyed, and says so
// where they are not: a resolver that answers whom the firewall would stop is a
// hole in it.
func (d *dns) openFirewall(obey, socket string, log *slog.Logger) error {
	if obey == "never" {
		d.why = "resolver.qvm_firewall.obey is never"
		log.Warn("the rules of qvm-firewall are not obeyed: a qube that may not use DNS gets answers", "reason", d.why)
		return nil
	}
	if _, err := os.Stat(socket); err != nil && obey == "auto" {
		d.why = "there is no QubesDB at " + socket
		log.Warn("the rules of qvm-firewall are not known: a qube that may not use DNS gets answers", "reason", d.why)
		return nil
	}
	d.firewall = qubesdb.NewFirewall(socket, log)
	if err := d.firewall.Load(); err != nil {
		log.Warn("the rules of qvm-firewall could not be read; until they are, nobody gets answers", "error", err.Error())
	}
	return nil
}

// defaultUpstreams are those that Qubes gave this qube, or else those of the
// system.
func defaultUpstreams(socket string) (list []string) {
	if list = qubesdb.Values(socket, "/qubes-primary-dns", "/qubes-secondary-dns"); len(list) > 0 {
		return list
	}
	text, err := os.ReadFile("/etc/resolv.conf")
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "nameserver" && !strings.Contains(f[1], "%") {
			list = append(list, f[1])
		}
	}
	return list
}

// slog returns a logger for packages that do not know libbeat.
func (r *run) slog() *slog.Logger {
	return slog.New(slogHandler{log: r.log}).With("component", "resolver")
}

// start serves until the function that it returns is called, which then waits
// for what is under way.
func (d *dns) start(log *slog.Logger, fail func()) (stop func(late <-chan struct{})) {
	if d == nil {
		return func(<-chan struct{}) {}
	}
	ctx, cancel := context.WithCancel(context.Background())
	if d.firewall != nil {
		d.serving.Go(func() { d.firewall.Run(ctx) })
	}
	d.serving.Go(func() {
		if err := d.control.Serve(); err != nil {
			log.Warn("the socket of the dns commands is not served", "error", err.Error())
		}
	})
	d.serving.Go(func() {
		if err := d.Serve(ctx); err != nil {
			log.Error("the resolver does not serve", "error", err.Error())
			d.failed.Store(&err)
			fail()
		}
	})
	go func() {
		defer close(d.done)
		d.writer.write()
	}()
	return func(late <-chan struct{}) {
		cancel()
		if err := d.control.Close(); err != nil {
			log.Warn("closing the socket of the dns commands", "error", err.Error())
		}
		d.serving.Wait()
		if d.log != nil {
			d.log.Close()
		}
		select {
		case <-d.done:
		case <-late:
		}
	}
}

// settle waits until the output has the events, and closes their client.
func (d *dns) settle(patience time.Duration, late <-chan struct{}) {
	if d != nil {
		d.acks.wait(patience, late)
		d.sink.Close()
	}
}

// missing returns how many events were left behind.
func (d *dns) missing() uint64 {
	if d == nil {
		return 0
	}
	return d.acks.missing()
}

// fault returns why the resolver did not serve.
func (d *dns) fault() error {
	if d == nil {
		return nil
	}
	if err := d.failed.Load(); err != nil {
		return *err
	}
	return nil
}

// warnLists tells of lists that nobody has and of sources that cannot be read.
func (d *dns) warnLists(s *config.Resolver, log *slog.Logger) {
	for _, name := range s.UnusedLists() {
		log.Warn("no policy gives this list to anybody", "list", name)
	}
	for _, st := range d.ListStatus() {
		if st.Err != "" {
			log.Warn("a list has faults", "list", st.List, "source", st.Name(), "error", st.Err)
		}
	}
}

// fetchFirst fetches the lists before anybody is served, where the configuration
// wants to wait for them.
func (d *dns) fetchFirst(start string, log *slog.Logger) error {
	if start == "fast" {
		return nil
	}
	err := d.RefreshLists(context.Background(), false)
	if err != nil && start == "fail_on_error" {
		return fmt.Errorf("resolver.list_refresh.start is fail_on_error: %w", err)
	}
	if err != nil {
		log.Warn("not all lists could be fetched", "error", err.Error())
	}
	return nil
}
