package firewall

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/firewall"
	"github.com/qubesbeat/qubesbeat/internal/kernellog"
	"github.com/qubesbeat/qubesbeat/internal/nflog"
)

// sources are what verdicts are made from. A source that cannot be opened is no
// fault of the others.
type sources struct {
	nflog *nflog.Conn     // nil if the group is not ours
	kmsg  *kernellog.Kmsg // nil without firewall.kernel_log
	files []*logFile      // firewall.log_files

	lastNFLog   atomic.Int64 // when our own rules have logged last, in nanoseconds on the tracker's clock
	nflogClosed atomic.Bool  // NFLOG is not read any more
	unparsed    atomic.Uint64
}

// Open opens the sources that the configuration names.
func (s *Service) Open() error {
	var err error
	if group := s.conf.Group(); group != 0 {
		if s.sources.nflog, err = nflog.Open(group); err != nil {
			s.deps.Logger.Warn("no verdicts from the rules of `qubesbeat qubes apply`", "error", err.Error())
		}
	}
	if s.conf.KernelLog {
		if s.sources.kmsg, err = kernellog.OpenKmsg(kernellog.KmsgPath); err != nil {
			s.deps.Logger.Warn("no verdicts from the kernel's log", "error", err.Error())
		}
	}
	for _, c := range s.conf.LogFiles {
		f, err := s.openLogFile(c)
		if err != nil {
			s.deps.Logger.Warn("no verdicts from a log file", "error", err.Error())
			continue
		}
		s.sources.files = append(s.sources.files, f)
	}
	return nil
}

// read starts a goroutine for each source. The function that it returns ends them.
func (s *Service) read(ctx context.Context) (stop func()) {
	var readers sync.WaitGroup
	if c := s.sources.nflog; c != nil {
		readers.Go(func() {
			s.warn("reading NFLOG", c.Run(s.deps.Guard.Part("firewall/nflog"), s.messages(), s.gap))
			s.sources.nflogClosed.Store(ctx.Err() == nil)
		})
	}
	if k := s.sources.kmsg; k != nil {
		readers.Go(func() {
			s.warn("reading the kernel's log", k.Run(s.deps.Guard.Part("firewall/kmsg"), func(text string, at time.Time) { s.message(text, at, firewall.KernelLog) }))
		})
	}
	for _, f := range s.sources.files {
		readers.Go(func() { _ = f.Run(ctx) }) // it reports its faults itself
	}
	return func() {
		s.warn("closing", s.sources.close())
		readers.Wait()
	}
}

func (s *sources) close() (err error) {
	if s.nflog != nil {
		err = s.nflog.Close()
	}
	if s.kmsg != nil {
		err = errors.Join(err, s.kmsg.Close())
	}
	return err
}

func (s *Service) warn(doing string, err error) {
	if err != nil {
		s.deps.Logger.Error("firewall verdicts", "doing", doing, "error", err.Error())
	}
}

// gap notes that messages of NFLOG are missing.
func (s *Service) gap() { s.with(func(t *firewall.Tracker) { t.Lost(s.elapsed()) }) }

// messages returns the function that takes the messages of our own rules.
func (s *Service) messages() func(*nflog.Message) {
	return func(m *nflog.Message) {
		s.sources.lastNFLog.Store(int64(s.elapsed()))
		o := firewall.Observation{At: cmp.Or(m.Time, time.Now().UnixNano()), Source: firewall.NFLog, Prefix: string(m.Prefix),
			In: s.link(m.In), Out: s.link(m.Out)}
		switch {
		case o.Prefix == firewall.PrefixOver:
			s.with(func(t *firewall.Tracker) { t.LostOf(o.In, s.elapsed()) })
		case !o.Decode(m.Payload):
			s.sources.unparsed.Add(1)
		default:
			s.observe(&o)
		}
	}
}

// message takes a message of the kernel. Most are about something else.
func (s *Service) message(text string, at time.Time, source firewall.Source) {
	o, ok := kernellog.Parse(text)
	if !ok {
		s.sources.unparsed.Add(1)
		return
	}
	o.At, o.Source = at.UnixNano(), source
	s.observe(&o)
}

// link returns the name of an interface. One without a name gets one from its
// number, for "" means that a packet was for this machine.
func (s *Service) link(index uint32) string {
	name := s.links.Name(index)
	if name == "" && index != 0 {
		name = fmt.Sprintf("if%d", index)
	}
	return name
}
