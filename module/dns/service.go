package dns

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"path/filepath"
	"sync"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/control"
	"github.com/qubesbeat/qubesbeat/internal/dnsevent"
	"github.com/qubesbeat/qubesbeat/internal/enrich"
	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/guard"
	"github.com/qubesbeat/qubesbeat/internal/qube"
	"github.com/qubesbeat/qubesbeat/internal/qubesdb"
	"github.com/qubesbeat/qubesbeat/internal/querylog"
	"github.com/qubesbeat/qubesbeat/internal/resolver"
	"github.com/qubesbeat/qubesbeat/internal/task"
)

// Config holds the settings of a [Service].
type Config struct {
	*Settings
	DataDir  string        // for the copies of lists and the socket of the commands
	Instance string        // in the rows of the query log: the name of this machine
	Hold     time.Duration // how long a query of an unknown client is held back; 0: not at all
}

// Inventory is what the service asks the inventory for.
type Inventory interface {
	enrich.QubeLookup
	// Downstream returns the names of the qubes that have the named one as netvm.
	Downstream(name string) []string
	// All lists the qubes.
	All() []*qube.Qube
}

// Deps are what a [Service] needs of others. All but Names,
// Observe, Released and Guard are required.
type Deps struct {
	Outlet    event.Outlet
	Inventory Inventory
	// Captured returns the name of an observation point of the capture.
	Captured func(iface uint32) string
	// ReadSettings reads the section of the configuration again, for a reload. It
	// returns nil if there is no resolver any more.
	ReadSettings func() (*Settings, error)
	// Names takes the names of addresses in answers.
	Names *Names
	// Observe is called with the queries of a client, which is its interface or, if that is
	// not known, its address. It may be nil.
	Observe func(client string, blocked bool, n uint64)
	// Released is called after a table of lists was replaced. It may be nil.
	Released func()
	// Guard recovers from panics at one query, answer or entry of the log.
	Guard  *guard.Keeper
	Logger *slog.Logger
}

// Service is the resolver, the publisher of its query log, and the socket of the
// `qubesbeat dns` commands.
type Service struct {
	task.Started
	conf     Config
	deps     Deps
	resolver *resolver.Resolver
	acl      *qubesdb.Firewall // nil if qvm-firewall's rules are not obeyed
	log      *dnsevent.Queue   // nil if neither events nor rows are wanted
	tsv      *querylog.Writer  // nil without resolver.tsv.dir
	control  *control.Server
	writer   *writer
}

// New returns a service that has opened nothing.
func New(conf Config, deps Deps) *Service { return &Service{conf: conf, deps: deps} }

// String implements [task.Task].
func (s *Service) String() string { return "resolver" }

// Open builds the resolver with what is on disk of the lists. It opens no socket for
// clients yet.
func (s *Service) Open() error {
	if err := s.openACL(); err != nil {
		return err
	}
	if err := s.openLog(); err != nil {
		return err
	}
	if err := s.openResolver(); err != nil {
		return err
	}
	socket := s.conf.conf.Socket
	if socket == "" {
		socket = filepath.Join(s.conf.DataDir, "dns.sock")
	}
	var err error
	if s.control, err = control.Listen(control.Config{Path: socket, Resolver: s.resolver, Reload: s.reload,
		Guard: s.deps.Guard.Part("resolver/control")}); err != nil {
		return fmt.Errorf("resolver.socket: %w", err)
	}
	if s.deps.Names != nil && s.conf.conf.Log.Enabled {
		s.deps.Names.resolver.Store(s.resolver)
	}
	return nil
}

// openLog makes the query log, for events and for rows.
func (s *Service) openLog() (err error) {
	c := s.conf.conf
	if c.Log.Enabled || c.TSV.Dir != "" {
		s.log = dnsevent.NewQueue(c.Log.Queue)
	}
	if t := &c.TSV; t.Dir != "" {
		s.tsv, err = querylog.New(querylog.Config{Dir: t.Dir, Instance: s.conf.Instance, Days: t.RetentionDays, Strict: t.StrictBlocky,
			MaxBytes: int64(t.MaxMB) << 20})
		if err != nil {
			return fmt.Errorf("resolver.tsv.dir: %w", err)
		}
	}
	s.writer = newWriter(s)
	return nil
}

func (s *Service) openResolver() error {
	c, err := s.build(s.conf.Settings)
	if err != nil {
		return err
	}
	if s.acl != nil {
		c.ACL = s.acl
	}
	c.Qubes, c.Released, c.Logger, c.Log = s.deps.Inventory.All, s.deps.Released, s.deps.Logger, s.log
	if s.resolver, err = resolver.New(*c); err != nil {
		return err
	}
	s.warnLists(s.conf.Settings)
	return nil
}

func (s *Service) build(set *Settings) (*resolver.Config, error) {
	c, err := set.Build(defaultUpstreams(set.conf.Firewall.Socket), filepath.Join(s.conf.DataDir, "lists"), s.deps.Guard)
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	return c, nil
}

// reload reads the configuration again and lets its rules apply. The rest of the
// configuration is checked, too, and stays as it was.
func (s *Service) reload() error {
	set, err := s.deps.ReadSettings()
	if err != nil {
		return err
	}
	if set == nil {
		return errors.New("the configuration no longer has resolver.listen; stop the beat to stop the resolver")
	}
	c, err := s.build(set)
	if err != nil {
		return err
	}
	if err := s.resolver.Reload(c.Rules); err != nil {
		return err
	}
	s.warnLists(set)
	return nil
}

// Renew lets the present inventory and the present time apply to the policies.
func (s *Service) Renew() {
	if s.resolver != nil {
		s.resolver.Update()
	}
}

// Run serves until ctx ends and returns when every outcome has been written. It
// returns an error if it cannot listen, or if a part of it that it needs panics too
// often.
func (s *Service) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.deps.Guard.Part(logPart).OnStop(ctx, cancel) // queries would be answered and not logged
	var unwritten error
	written := make(chan struct{})
	go func() {
		defer close(written)
		unwritten = s.writer.run()
	}()
	err := s.serve(ctx)
	if s.log != nil {
		s.log.Close()
	}
	select {
	case <-written:
		err = errors.Join(err, unwritten)
	case <-task.Late(ctx):
	}
	return err
}

// serve runs the resolver and what belongs to it until ctx ends. The service is ready
// once clients can ask the resolver.
func (s *Service) serve(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var serving sync.WaitGroup
	if s.acl != nil {
		serving.Go(func() { s.acl.Run(ctx) })
	}
	serving.Go(func() {
		if err := s.control.Serve(); err != nil {
			s.deps.Logger.Warn("the dns commands are not served", "error", err.Error())
		}
	})
	serving.Go(func() {
		select {
		case <-s.resolver.Ready():
			s.MarkReady()
		case <-ctx.Done():
		}
	})
	err := s.fetchLists(ctx)
	if err == nil && ctx.Err() == nil {
		err = s.resolver.Serve(ctx)
	}
	cancel()
	if err := s.control.Close(); err != nil {
		s.deps.Logger.Warn("closing the socket of the dns commands", "error", err.Error())
	}
	serving.Wait()
	return err
}

// IsUpstream reports whether the resolver asks the server at an address.
func (s *Service) IsUpstream(a netip.AddrPort) bool { return s.resolver.IsUpstream(a) }
