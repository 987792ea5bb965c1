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
}

// Writer writes the files. It is not safe for concurrent use.
type Writer struct {
	conf    Config
	day     string
	files   map[string]*file
	owners  map[string]string // of escaped names
	flushed time.Time
	lost    uint64 // rows
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
	return &Writer{conf: c, files: map[string]*file{}, owners: map[string]string{}}, nil
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
	if name == "" {
		name = e.From.Addr().String()
	}
	if day := time.Unix(0, e.At).Format(time.DateOnly); day != w.day { // or the clock was set back
		if err := w.Close(); err != nil {
			return err
		}
		w.clean(w.day, day)
		w.day = day
	}
	f, err := w.file(name)
	if err != nil {
		w.lost++
		return err
	}
	r := row(e, name, w.conf.Instance)
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
func (w *Writer) file(name string) (*file, error) {
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
	out, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o640)
	if err != nil {
		return nil, err
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

// Lost returns how many rows could not be written.
func (w *Writer) Lost() uint64 { return w.lost }

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
		name := e.Name()
		if filepath.Ext(name) != ".log" || len(name) < 11 {
			continue
		}
		if day, err := time.Parse(time.DateOnly, name[:10]); err == nil && today.Sub(day) > time.Duration(w.conf.Days)*24*time.Hour {
			_ = os.Remove(filepath.Join(w.conf.Dir, name))
		}
	}
}
