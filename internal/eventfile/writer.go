package eventfile

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Config holds the settings of a [Writer].
type Config struct {
	// Dir is the folder of the files. It is made with the first file, mode 0700 or, if
	// Mode lets the group read, 0750.
	Dir string
	// Name is the first part of the files' names, such as "events".
	Name string
	// Host is the second part of the names of complete files. Characters other than
	// letters, digits, ".", "_" and "-" are replaced by "_".
	Host string
	// FileBytes is the size at which a file is complete, at least 1.
	FileBytes int64
	// TotalBytes bounds the complete files and the file in use together.
	TotalBytes int64
	// MinFree is how much of the file system is left free, in bytes. 0 means 5 % of it,
	// but at most 64 MiB.
	MinFree int64
	// Mode is the mode of the files; 0 means 0600.
	Mode fs.FileMode
	// Fresh completes the file that an earlier process has left instead of going on
	// with it.
	Fresh bool
	// Logger gets a line when something begins or ends, not for each event. It must not
	// be nil.
	Logger *slog.Logger
	// Now returns the time; nil means time.Now.
	Now func() time.Time
	// Space returns the bytes of the file system below a folder that are free and that
	// there are in all; nil means those that statfs(2) reports to unprivileged users.
	Space func(dir string) (free, total int64, err error)
}

// Stats counts what happened to lines and files. Lines = Written + Refused.
type Stats struct {
	Lines   uint64 // given to Append
	Written uint64 // in a file
	Refused uint64 // not in a file, because there was no room or a write failed
	Lost    uint64 // written, but somebody has removed the file while it was in use
	Torn    uint64 // parts of lines, left behind by a process that was killed, that were cut off

	Completed    uint64 // files
	Deleted      uint64 // complete files that were deleted because of Config.TotalBytes
	DeletedBytes uint64
	Stopped      bool // nothing is written now
}

// Writer writes lines into files. It is safe for concurrent use.
type Writer struct {
	conf Config

	mu      sync.Mutex
	file    *os.File // guarded by mu, as is all that follows; nil before the first line
	size    int64    // of file
	lines   uint64   // written into file by this Writer
	buf     []byte   // lines that wait
	waiting uint64   // number of lines in buf
	fault   fault
	spare   spare
	last    time.Time // in the newest name of a complete file
	stats   Stats

	reported uint64 // Stats.Refused as of the last Flush
}

// bufferBytes is how much is written at once.
const bufferBytes = 256 << 10

// New returns a Writer, or an error if a setting is invalid. It opens nothing.
func New(c Config) (*Writer, error) {
	switch {
	case c.Name == "" || c.Name != filepath.Base(c.Name):
		return nil, fmt.Errorf("eventfile: %q is not a file name", c.Name)
	case c.FileBytes < 1 || c.TotalBytes < c.FileBytes:
		return nil, fmt.Errorf("eventfile: files of %d bytes do not fit into %d", c.FileBytes, c.TotalBytes)
	}
	if c.Mode == 0 {
		c.Mode = 0o600
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Space == nil {
		c.Space = Space
	}
	c.Host = safeName(c.Host)
	return &Writer{conf: c}, nil
}

// Path returns the name of the file in use.
func (w *Writer) Path() string { return filepath.Join(w.conf.Dir, w.conf.Name+suffix) }

// Append adds a line, without its line feed, to those that the next Flush writes. It
// copies the line.
func (w *Writer) Append(line []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.buf) > 0 && len(w.buf)+len(line) >= bufferBytes {
		w.flush()
	}
	w.buf = append(append(w.buf, line...), '\n')
	w.waiting++
	w.stats.Lines++
}

// Flush writes the lines that wait. It returns the number of lines that were refused
// since the last Flush.
func (w *Writer) Flush() (refused uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.flush()
	refused = w.stats.Refused - w.reported
	w.reported = w.stats.Refused
	return refused
}

// flush writes the buffer and empties it. It is called with mu held.
func (w *Writer) flush() {
	if len(w.buf) == 0 {
		return
	}
	written := uint64(0)
	if w.fault.mayTry(w.conf.Now()) {
		var err error
		written, err = w.write()
		w.note(err)
	}
	w.stats.Written += written
	w.lines += written
	w.stats.Refused += w.waiting - written
	w.buf, w.waiting = w.buf[:0], 0
}

// write writes the buffer and returns how many lines of it are in the file.
func (w *Writer) write() (uint64, error) {
	if err := w.prepare(); err != nil {
		return 0, err
	}
	n, err := w.file.Write(w.buf)
	if err == nil {
		w.size += int64(n)
		return w.waiting, nil
	}
	whole := bytes.LastIndexByte(w.buf[:n], '\n') + 1
	lines := uint64(bytes.Count(w.buf[:whole], []byte{'\n'}))
	if cut := w.file.Truncate(w.size + int64(whole)); cut != nil {
		err = errors.Join(err, cut)
	}
	w.size += int64(whole)
	return lines, err
}

// prepare makes sure that there is a file with room for the buffer.
func (w *Writer) prepare() error {
	w.checkMoved()
	if w.file == nil {
		if err := w.open(); err != nil {
			return err
		}
	}
	if w.size > 0 && w.size+int64(len(w.buf)) > w.conf.FileBytes {
		if err := w.complete(); err != nil {
			return err
		}
		if err := w.open(); err != nil {
			return err
		}
	}
	return w.reserve(int64(len(w.buf)))
}

// Rotate completes the file in use, if it holds anything.
func (w *Writer) Rotate() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.flush()
	if w.checkMoved(); w.file == nil || w.size == 0 {
		return nil
	}
	return w.complete()
}

// Close writes the lines that wait and closes the file in use, which the next Writer
// goes on with.
func (w *Writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.flush()
	if w.checkMoved(); w.file == nil {
		return nil
	}
	err := w.file.Close()
	w.file = nil
	return err
}

// Stats returns the counters.
func (w *Writer) Stats() Stats {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.stats
	s.Stopped = w.fault.err != nil
	return s
}
