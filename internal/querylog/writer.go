package querylog

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/dnsevent"
)

// Config describes where a log goes.
type Config struct {
	Dir      string
	Instance string // the last column
	// Days is after how many days files are removed, 0 for never.
	Days int
	// Strict leaves out what blocky does not log: filtered queries and those
	// without an answer.
	Strict bool
	// MaxBytes bounds the files of the directory together: the oldest days make room for
	// new rows. One qube may take a sixteenth of it in a day. 0 for no bound.
	MaxBytes int64
}

// Writer writes the files. It is not safe for concurrent use.
type Writer struct {
	conf    Config
	day     string
	files   map[string]*file
	owners  map[string]string // of escaped names
	flushed time.Time
	lost    uint64 // rows
	bounds  bounds
}

type file struct {
	*os.File
	buf  *bufio.Writer
	csv  *csv.Writer
	rows int // since the last flush
}

// New returns a writer. The directory must be there.
func New(c Config) (*Writer, error) {
	if info, err := os.Stat(c.Dir); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("%s is not a directory; create it, readable only for those who may see every name that the qubes ask for", c.Dir)
	}
	w := &Writer{conf: c, files: map[string]*file{}, owners: map[string]string{}}
	w.bounds.open(c.Dir, c.MaxBytes, w.buffered)
	return w, nil
}

// maxFiles bounds the files that are open: with more qubes than that on one day,
// one is closed for another.
const maxFiles = 128

// Write adds a row to the file of a qube; a client without a name goes by its
// address. It is on disk with the next Flush.
func (w *Writer) Write(e *dnsevent.Entry, name string) error {
	if w.conf.Strict && !blockyLogs(e) {
		return nil
	}
	class := name
	if name == "" {
		name = w.bounds.stranger(e.From.Addr().String())
	}
	if day := time.Unix(0, e.At).Format(time.DateOnly); day != w.day { // or the clock was set back
		if err := w.Close(); err != nil {
			return err
		}
		w.clean(w.day, day)
		w.day = day
		w.bounds.begin(day)
	}
	f, err := w.file(name, class)
	if err != nil {
		w.lost++
		return err
	}
	r := row(e, name, w.conf.Instance)
	if !w.bounds.take(class, size(&r), e.At) {
		return nil // it is counted
	}
	if err := f.csv.Write(r[:]); err != nil {
		w.lost++
		return err
	}
	f.rows++
	return nil
}

func blockyLogs(e *dnsevent.Entry) bool {
	switch e.Outcome.From {
	case dnsevent.FromFilter, dnsevent.FromFQDN, dnsevent.FromError:
		return false
	}
	return true
}

// file returns the open file of a qube.
func (w *Writer) file(name, class string) (*file, error) {
	suffix := w.suffix(name)
	if f := w.files[suffix]; f != nil {
		return f, nil
	}
	if len(w.files) >= maxFiles {
		for other, f := range w.files {
			if err := f.close(); err != nil {
				return nil, err
			}
			delete(w.files, other)
			break
		}
	}
	path := filepath.Join(w.conf.Dir, w.day+"_"+suffix+".log")
	out, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_RDWR, 0o640)
	if err != nil {
		return nil, err
	}
	if err := cutPartial(out); err != nil {
		return nil, errors.Join(err, out.Close())
	}
	if info, err := out.Stat(); err == nil {
		w.bounds.found(class, info.Size())
	}
	f := &file{File: out, buf: bufio.NewWriterSize(out, 16<<10)}
	f.csv = csv.NewWriter(f.buf)
	f.csv.Comma = '\t'
	w.files[suffix] = f
	return f, nil
}

var unsafeRun = regexp.MustCompile(`[^a-zA-Z0-9\-_]+`)

// suffix returns the part of a file's name that stands for the qube. Names that
// blocky would write into one file get a hash, so that no two qubes are mixed.
func (w *Writer) suffix(name string) string {
	s := unsafeRun.ReplaceAllString(name, "_")
	if owner, ok := w.owners[s]; ok && owner != name || !ok && len(w.owners) > 4*maxFiles {
		h := fnv.New32a()
		_, _ = h.Write([]byte(name))
		return fmt.Sprintf("%s-%08x", s, h.Sum32())
	}
	w.owners[s] = name
	return s
}

// flushEvery is how long a row may wait for the disk.
const flushEvery = time.Second

// Flush writes out what waits, when it is time or at once.
func (w *Writer) Flush(now time.Time, atOnce bool) error {
	if !atOnce && now.Sub(w.flushed) < flushEvery {
		return nil
	}
	w.flushed = now
	var errs []error
	for name, f := range w.files {
		f.csv.Flush()
		if err := errors.Join(f.csv.Error(), f.buf.Flush()); err != nil {
			// The writers keep an error for good: the next row opens the file again.
			w.lost += uint64(f.rows)
			errs = append(errs, err, f.Close())
			delete(w.files, name)
		}
		f.rows = 0
	}
	return errors.Join(errs...)
}

// buffered returns how many bytes are not in the files yet.
func (w *Writer) buffered() (n int64) {
	for _, f := range w.files {
		n += int64(f.buf.Buffered())
	}
	return n
}

// Stats counts rows that are in no file, and files that made room for others.
type Stats struct {
	Lost    uint64 // rows that could not be written
	Over    uint64 // rows beyond the share of a qube, or without room in the directory
	Deleted uint64 // files
}

// Stats returns the counters.
func (w *Writer) Stats() Stats { return Stats{w.lost, w.bounds.over, w.bounds.deleted} }

func (f *file) close() error {
	f.csv.Flush()
	return errors.Join(f.csv.Error(), f.buf.Flush(), f.Close())
}

// Close writes everything out and closes the files.
func (w *Writer) Close() error {
	var errs []error
	for name, f := range w.files {
		if err := f.close(); err != nil {
			w.lost += uint64(f.rows)
			errs = append(errs, err)
		}
		delete(w.files, name)
	}
	w.owners = map[string]string{}
	return errors.Join(errs...)
}

// clean removes files that are too old when a day begins. It looks at the date in
// the name, as blocky does, and leaves other files alone. A clock that jumps makes
// no file old: then it waits for the next day.
func (w *Writer) clean(before, now string) {
	today, err := time.Parse(time.DateOnly, now)
	if last, e := time.Parse(time.DateOnly, before); w.conf.Days <= 0 || err != nil || e == nil && today.Sub(last) != 24*time.Hour {
		return
	}
	entries, err := os.ReadDir(w.conf.Dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		if name, ok := dayOf(e.Name()); ok {
			if day, err := time.Parse(time.DateOnly, name); err == nil && today.Sub(day) > time.Duration(w.conf.Days)*24*time.Hour {
				_ = os.Remove(filepath.Join(w.conf.Dir, e.Name()))
			}
		}
	}
}
