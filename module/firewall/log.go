package firewall

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/eventfile"
	"github.com/qubesbeat/qubesbeat/internal/firewall"
	"github.com/qubesbeat/qubesbeat/internal/kernellog"
)

// LogConfig holds the settings of a [Log].
type LogConfig struct {
	// Files are paths, "-" for standard input. They may be compressed.
	Files []string
	// Stdin is read for "-".
	Stdin io.Reader
	// Format is that of the files.
	Format kernellog.Format
	// Year is that of times without one; 0 stands for the year in which the file was
	// changed last, or the year before for what would be later than that.
	Year int
	// Host is the name of the machine that has logged. It may be empty.
	Host string
}

// Log reads logs that are there already and publishes verdicts as a [Service] does that
// follows them, on the clock of their lines: a file that is read again gives the same
// events. Run is called once; Counts is safe for concurrent use.
type Log struct {
	conf LogConfig
	sink event.Sink
	find Enrich

	mu     sync.Mutex
	counts LogCounts // guarded by mu
}

// NewLog returns a Log that has read nothing yet.
func NewLog(conf LogConfig, sink event.Sink, find Enrich) *Log {
	return &Log{conf: conf, sink: sink, find: find}
}

// Run reads the files until their end, or until ctx ends. A file that cannot be read does
// not stop it; the error joins all of them.
func (l *Log) Run(ctx context.Context) error {
	var errs []error
	for _, path := range l.conf.Files {
		if ctx.Err() != nil {
			break
		}
		errs = append(errs, l.file(ctx, path))
	}
	return errors.Join(errs...)
}

// file reads a file.
func (l *Log) file(ctx context.Context, path string) error {
	in, err := eventfile.Open(path, l.conf.Stdin)
	if err != nil {
		return fmt.Errorf("reading a log: %w", err)
	}
	l.count(func(c *LogCounts) { c.Files++ })
	r := &logReader{Log: l, reader: kernellog.Reader{Format: l.conf.Format, Host: l.conf.Host, Timeless: true}}
	written := l.written(path)
	r.reader.Now = func() time.Time { return written }
	r.tracker = firewall.NewTracker(r.publish)
	err = r.lines(ctx, eventfile.NewLines(in, kernellog.MaxLine))
	r.tracker.Flush(r.now)
	if err != nil {
		err = fmt.Errorf("reading %s: %w", in.Name, err)
	}
	return errors.Join(err, in.Close())
}

// written returns the time that the lines of a file are not after.
func (l *Log) written(path string) time.Time {
	if l.conf.Year != 0 {
		return time.Date(l.conf.Year, time.December, 31, 23, 59, 59, 0, time.Local)
	}
	if info, err := os.Stat(path); err == nil && path != eventfile.Stdin {
		return info.ModTime()
	}
	return time.Now()
}

// logReader reads one file.
type logReader struct {
	*Log
	reader  kernellog.Reader
	tracker *firewall.Tracker

	began, last time.Time     // of the messages: the first since the clock was set, and the latest
	now         time.Duration // on the tracker's clock
}

func (r *logReader) lines(ctx context.Context, lines *eventfile.Lines) error {
	for ctx.Err() == nil {
		line, tooLong, err := lines.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if tooLong {
			r.count(func(c *LogCounts) { c.Lines++; c.TooLong++ })
			r.reader.Line(string(line)) // what comes next may be of the same program
			continue
		}
		r.line(string(line))
	}
	return nil
}

// line reads a line.
func (r *logReader) line(line string) {
	m, origin := r.reader.Line(line)
	o, isPacket := kernellog.Parse(m.Text)
	r.count(func(c *LogCounts) {
		c.Lines++
		switch {
		case origin == kernellog.OtherProgram:
			c.OtherPrograms++
		case origin == kernellog.UnknownHeader:
			c.UnknownHeaders++
		case origin != kernellog.Kernel:
		case !isPacket:
			c.NoPackets++
		case m.At.IsZero():
			c.Timeless++
		default:
			c.Packets++
		}
	})
	if origin != kernellog.Kernel || !isPacket || m.At.IsZero() {
		return
	}
	o.At, o.Source = m.At.UnixNano(), firewall.LogFile
	r.advance(m.At)
	r.tracker.Observe(&o, r.now)
}

// setBack is how far a time may be before the one of the line before: logs of several
// processors are not in order.
const setBack = 10 * time.Second

// advance moves the tracker's clock to the time of a line.
func (r *logReader) advance(at time.Time) {
	if at.Before(r.last.Add(-setBack)) { // the machine's clock was set back
		r.tracker.Flush(r.now)
		r.began, r.last = at.Add(-r.now), at
	}
	if r.began.IsZero() {
		r.began = at
	}
	if at.After(r.last) {
		r.last = at
	}
	r.now = max(r.now, at.Sub(r.began))
	if due, ok := r.tracker.Next(); ok && due <= r.now {
		r.tracker.Advance(r.now)
	}
}

// publish publishes a verdict.
func (r *logReader) publish(v *firewall.Verdict) {
	r.sink.Publish(documentOf(r.find, v))
	r.count(func(c *LogCounts) { c.Verdicts++ })
}
