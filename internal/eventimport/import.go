package eventimport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/eventfile"
)

// Config holds the settings of an [Import].
type Config struct {
	// Files are paths, "-" for standard input.
	Files []string
	// Stdin is read for "-".
	Stdin io.Reader
	// Filter selects events.
	Filter Filter
	// MaxDays is how many different days the events may have, 0 for any number. Each day
	// is an index of its own in Elasticsearch, and a cluster has room for some thousand.
	MaxDays int
	// State says how far earlier imports have come. It may be nil.
	State *State
	// Publish hands an event on. It may block. It must not be nil.
	Publish func(*eventfile.Event)
	// Refused returns how many events the output has refused for good so far, although it
	// has acknowledged them. It may be nil.
	Refused func() uint64
}

// Import reads files of events. Run is called once, from one goroutine; the other methods
// are safe for concurrent use.
type Import struct {
	conf     Config
	parser   eventfile.Parser
	days     map[int64]bool // since 1970
	inflight *inflight

	mu     sync.Mutex
	counts Counts           // guarded by mu
	input  *eventfile.Input // guarded by mu: that is being read, nil if there is none
}

// New returns an import that has not been started.
func New(conf Config) *Import {
	if conf.Refused == nil {
		conf.Refused = func() uint64 { return 0 }
	}
	i := &Import{conf: conf, days: map[int64]bool{}}
	i.inflight = newInflight(conf.State, conf.Refused)
	return i
}

// Run reads the files until their end, or until ctx ends. A file that cannot be read does
// not stop it; the error joins all of them.
func (i *Import) Run(ctx context.Context) error {
	defer context.AfterFunc(ctx, i.inflight.giveUp)()
	var errs []error
	for _, path := range i.conf.Files {
		if ctx.Err() != nil {
			break
		}
		errs = append(errs, i.file(ctx, path))
	}
	return errors.Join(errs...)
}

// Acked notes that the output has the next n events, in the order in which they were
// handed on.
func (i *Import) Acked(n int) { i.inflight.acked(n, time.Now()) }

// Finish writes the state. It is called when no more events are acknowledged.
func (i *Import) Finish() error { return i.inflight.save() }

// file reads a file.
func (i *Import) file(ctx context.Context, path string) error {
	s, err := i.open(path)
	if err != nil {
		return fmt.Errorf("reading events: %w", err)
	}
	i.count(func(c *Counts) { c.Files++; c.size += s.in.Size; c.Before += s.before })
	i.reading(s.in)
	err = i.lines(ctx, s)
	i.reading(nil)
	return errors.Join(err, s.in.Close())
}

// lines reads the lines of a file.
func (i *Import) lines(ctx context.Context, s *source) error {
	for ctx.Err() == nil {
		line, tooLong, err := s.next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("reading %s after line %d: %w", s.in.Name, s.lines.Number, err)
		case tooLong:
			i.unreadable(s, errTooLong)
		case len(line) > 0:
			i.line(s, line)
		}
	}
	return nil
}

// errTooLong is the fault of a line that is passed over.
var errTooLong = fmt.Errorf("longer than %d MiB", eventfile.MaxLine>>20)

// errDays is the fault of an event that would make one index too many.
var errDays = errors.New("the events have too many different days; import some of them at a time with --from and --to")

// line hands the event of a line on.
func (i *Import) line(s *source, line []byte) {
	e, err := i.parser.Parse(line)
	if err == nil && !i.conf.Filter.matches(&e) {
		i.count(func(c *Counts) { c.Unselected++ })
		return
	}
	if err == nil && !i.hasRoomFor(e.Time) {
		err = errDays
	}
	if err != nil {
		i.unreadable(s, err)
		return
	}
	if i.inflight.add(place{file: s.first, name: s.in.Name, end: s.lines.End, size: len(e.Members), id: e.ID}) {
		i.conf.Publish(&e)
		i.count(func(c *Counts) { c.Sent++ })
	}
}

// hasRoomFor reports whether the day of an event is one of MaxDays.
func (i *Import) hasRoomFor(t time.Time) bool {
	if i.conf.MaxDays == 0 {
		return true
	}
	day := t.Unix() / int64(24*time.Hour/time.Second)
	if !i.days[day] && len(i.days) < i.conf.MaxDays {
		i.days[day] = true
	}
	return i.days[day]
}
