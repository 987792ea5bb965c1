package cmd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/qubesbeat/qubesbeat/beater"
	"github.com/qubesbeat/qubesbeat/config"
	"github.com/qubesbeat/qubesbeat/internal/control"
	"github.com/qubesbeat/qubesbeat/internal/packetstore"
	"github.com/qubesbeat/qubesbeat/module/packets"
)

// pcapStore is the store of packets that the commands of `pcap` are about.
type pcapStore struct {
	root string // of the configuration
	dir  string
	keys []string // files with keys that decrypt segments
}

// pcapCommand returns the commands that fetch, check and remove packets that were stored.
func pcapCommand(root string) *cobra.Command {
	s := &pcapStore{root: root}
	parent := group(&cobra.Command{
		Use:   "pcap",
		Short: "Fetch, check and remove the packets that were stored",
		Long: "Reads the store of packets (packets.enabled), whether the beat runs or not. Packets of a running beat\n" +
			"are on the disk after packets.flush, a second, at the latest. Times are UTC.",
	})
	usageStatus(parent)
	parent.PersistentFlags().StringVar(&s.dir, "dir", "", "folder of the store: packets.dir, or packets in path.data")
	for _, c := range []*cobra.Command{pcapStatus(s), pcapGet(s), pcapKeep(s), pcapExport(s), pcapWatch(s), pcapVerify(s), pcapSeal(s), pcapForget(s), pcapReload(s),
		pcapRepair(s)} {
		parent.AddCommand(usageExit(c))
	}
	return parent
}

// usageExit is quiet, with an exit status of its own for mistakes on the command line.
func usageExit(c *cobra.Command) *cobra.Command { return usageStatus(quiet(c)) }

// usageStatus gives mistakes on the command line, as cobra finds them, a status of their own.
func usageStatus(c *cobra.Command) *cobra.Command {
	flags, args := c.FlagErrorFunc(), c.Args
	c.SetFlagErrorFunc(func(c *cobra.Command, err error) error { return withExit(exitUsage, flags(c, err)) })
	c.Args = func(c *cobra.Command, list []string) error { return withExit(exitUsage, args(c, list)) }
	return c
}

// usageError reports a mistake on the command line that cobra does not find.
func usageError(c *cobra.Command, form string, args ...any) error {
	return withExit(exitUsage, fmt.Errorf(form+"; see %s --help", append(args, c.CommandPath())...))
}

// check returns what is wrong with the configuration that says where the store is. That there
// is none is no fault, unless the command line names it: the store is then looked for where the
// packages have it.
func (s *pcapStore) check() error {
	if s.dir != "" {
		return nil
	}
	_, err := beater.ReadConfig(s.root)
	named := len(parseLine(os.Args[1:]).config) > 0
	switch {
	case err == nil || !named && errors.Is(err, fs.ErrNotExist):
		return nil
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("where the store is cannot be said: %w; try sudo, or give --dir", err)
	}
	return fmt.Errorf("where the store is cannot be said: %w; correct it, or give --dir", err)
}

// settings returns the settings of the store; the defaults if there is no configuration.
func (s *pcapStore) settings() config.Packets {
	if c, err := beater.ReadConfig(s.root); err == nil {
		return c.Packets
	}
	return config.Default().Packets
}

// folder returns the folder of the store.
func (s *pcapStore) folder() string {
	if s.dir != "" {
		return s.dir
	}
	if dir := s.settings().Dir; dir != "" {
		return dir
	}
	places := []string{"/var/lib/qubesbeat", "data"}
	if data := namedData(); data != "" {
		places = []string{data}
	}
	for _, data := range places {
		if dir := packets.Dir(&config.Packets{}, data); exists(dir) {
			return dir
		}
	}
	return packets.Dir(&config.Packets{}, places[0])
}

// namedData returns the folder of the beat's data that the command line names, "" if it does not.
func namedData() string {
	line := parseLine(os.Args[1:])
	data, home := line.data, line.home
	for _, set := range line.settings {
		switch name, value, _ := strings.Cut(set, "="); name {
		case "path.data":
			data = value
		case "path.home":
			home = value
		}
	}
	if data == "" && home != "" {
		data = filepath.Join(home, "data")
	}
	return data
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// pcapName returns the name of a command in errors.
func pcapName(c *cobra.Command) string { return "pcap " + c.Name() }

// open opens the store for reading.
func (s *pcapStore) open() (*packetstore.Reader, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	dir := s.folder()
	r, err := packetstore.OpenReader(dir)
	if err == nil {
		if err = s.unlock(r); err != nil {
			return nil, errors.Join(err, r.Close())
		}
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s: there is no store of packets: packets.enabled is not set, or it is in another folder (--dir)", dir)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("%s: only the user of the beat may read packets; try sudo", dir)
	}
	return r, err
}

// unlock gives a reader the keys.
func (s *pcapStore) unlock(r *packetstore.Reader) error {
	for _, path := range s.keys {
		f, err := os.Open(path)
		if err != nil {
			return fmt.Errorf("reading the key: %w", err)
		}
		if err := errors.Join(r.Unlock(f), f.Close()); err != nil {
			return fmt.Errorf("%s: %w: it must have lines that begin with AGE-SECRET-KEY-1, as age-keygen writes them", path, err)
		}
	}
	return nil
}

// with calls do with the opened store, and prints its error.
func (s *pcapStore) with(c *cobra.Command, do func(*packetstore.Reader) error) error {
	r, err := s.open()
	if err == nil {
		err = errors.Join(do(r), r.Close())
	}
	if err != nil {
		var e *exitError
		if errors.As(err, &e) {
			return withExit(e.code, printError(c, err))
		}
		err = fmt.Errorf("%s: %w", pcapName(c), err)
	}
	return printError(c, err)
}

// sealWait bounds the wait for a beat whose disk hangs, and forgetWait where it has thousands of files to remove.
const (
	sealWait   = 10 * time.Second
	forgetWait = 10 * time.Minute
)

// call asks the beat that writes the store for something.
func (s *pcapStore) call(ctx context.Context, what string, values url.Values, answer any) error {
	return s.callWithin(ctx, sealWait, what, values, answer)
}

func (s *pcapStore) callWithin(ctx context.Context, wait time.Duration, what string, values url.Values, answer any) error {
	if err := s.check(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	return control.NewClient(packets.Socket(s.folder())).Post(ctx, what, values, answer)
}

// request is [pcapStore.call], whose error says what to do where no beat can be reached: the flags of
// these commands are others than those of the rest.
func (s *pcapStore) request(ctx context.Context, what string, values url.Values, answer any) error {
	if err := s.check(); err != nil {
		return err
	}
	err := s.call(ctx, what, values, answer)
	dir := s.folder()
	if _, fault := os.Stat(packets.Socket(dir)); err == nil || !errors.Is(fault, fs.ErrNotExist) {
		return err
	}
	switch {
	case !exists(dir):
		return fmt.Errorf("%s: there is no store of packets: packets.enabled is not set, or it is in another folder (--dir)", dir)
	case !isStore(dir):
		return notStore(dir)
	}
	return fmt.Errorf("%s: no beat stores packets in this folder; start it, or name the folder of the one that runs with --dir", dir)
}

// seal has the beat complete what it is writing of a qube, or of all if qube is "".
func (s *pcapStore) seal(ctx context.Context, qube string) error {
	return s.request(ctx, "/packets/seal", url.Values{"qube": {qube}}, new(struct{}))
}
