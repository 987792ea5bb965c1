package inventory

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"path/filepath"
	"sync"

	"github.com/qubesbeat/qubesbeat/config"
	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/guard"
	"github.com/qubesbeat/qubesbeat/internal/inventory"
	"github.com/qubesbeat/qubesbeat/internal/netstate"
	"github.com/qubesbeat/qubesbeat/internal/qrexec"
	"github.com/qubesbeat/qubesbeat/internal/task"
)

// PushedFile is the name of the file, in the beat's data directory, that dom0's pushes
// go to if the configuration names none.
const PushedFile = "inventory.json"

// Config holds the settings of a [Service].
type Config struct {
	config.Inventory
	Live    bool   // follow the file and take pushes; a replay reads the file once
	DataDir string // where a file goes that the configuration does not name
}

// Deps are what a [Service] needs of others. All but Guard are required.
type Deps struct {
	Sink   event.Sink
	Logger *slog.Logger
	Stderr io.Writer // for the user who replays a capture
	// Guard recovers from panics at one inventory or call. It may be nil.
	Guard *guard.Keeper
}

// Service keeps the inventory: it follows the file, takes dom0's pushes and publishes
// what changes.
type Service struct {
	task.Started
	conf     Config
	deps     Deps
	index    *inventory.Index
	file     *inventory.File  // nil without a file
	receiver *qrexec.Receiver // nil unless dom0 may push
	onChange []func()

	addresses *netstate.Addresses
}

// New returns a service with an empty inventory.
func New(conf Config, deps Deps) *Service {
	if conf.File == "" && conf.Qrexec.Enabled && conf.Live {
		conf.File = filepath.Join(conf.DataDir, PushedFile)
	}
	return &Service{conf: conf, deps: deps, index: inventory.NewIndex(inventory.Config{Fields: conf.Fields}),
		addresses: netstate.NewAddresses(netstate.AddressesConfig{})}
}

// Index returns the inventory. It is safe for concurrent use.
func (s *Service) Index() *inventory.Index { return s.index }

// HasFile reports whether the inventory may come later, so that it is worth while to
// wait for a name.
func (s *Service) HasFile() bool { return s.conf.File != "" }

// FileName returns the path of the inventory's file, "" if there is none.
func (s *Service) FileName() string { return s.conf.File }

// OnChange adds a function that is called after each change. It must be called before
// Open.
func (s *Service) OnChange(f func()) { s.onChange = append(s.onChange, f) }

// String implements [task.Task].
func (s *Service) String() string { return "inventory" }

// Open opens the socket for dom0's pushes and reads the file for the first time.
//
// Without a file the beat starts nevertheless: dom0 may push it later, and a capture
// can be read on a machine that has none. A file with faults stops a replay, whose
// events would be without names for good; a live beat goes on and takes the next good
// one.
func (s *Service) Open() (err error) {
	if s.conf.File == "" {
		return nil
	}
	parse := inventory.Config{Fields: s.conf.Fields}
	s.file = inventory.NewFile(inventory.FileConfig{Guard: s.deps.Guard.Part("inventory/file"), Path: s.conf.File, Index: s.index, Parse: parse, OnChange: s.changed, OnError: s.rejected})
	if q := &s.conf.Qrexec; q.Enabled && s.conf.Live {
		if s.receiver, err = inventory.Listen(inventory.ReceiverConfig{Guard: s.deps.Guard.Part("inventory/push"), Socket: q.Socket, Group: q.Group,
			Path: s.conf.File, Parse: parse, OnStored: s.file.Notify, OnError: s.rejected}); err != nil {
			return err
		}
	}
	err = s.file.Load()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		s.missing()
	case err != nil && s.conf.Live:
		s.rejected(err)
	default:
		return err
	}
	return nil
}

func (s *Service) missing() {
	s.deps.Logger.Warn("no inventory yet; qubes have no names until there is one", "file", s.conf.File)
	if !s.conf.Live {
		fmt.Fprintf(s.deps.Stderr, "qubesbeat: no inventory at %s: the events will carry no names\n", s.conf.File)
	}
}

// Run follows the file and takes pushes until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	s.MarkReady()
	if s.file == nil || !s.conf.Live {
		<-ctx.Done()
		return nil
	}
	var receiving sync.WaitGroup
	if s.receiver != nil {
		receiving.Go(func() { _ = s.receiver.Run(ctx) }) // it reports its faults itself
	}
	err := s.file.Run(ctx)
	receiving.Wait()
	return err
}

func (s *Service) rejected(err error) {
	s.deps.Logger.Error("rejected inventory, keeping the previous one", "error", err.Error())
}
