package kernellog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/qubesbeat/qubesbeat/internal/filewatch"
)

// pollPause is the minimum time between two reads of a file that grows, so that a busy
// log does not wake us for each of its lines.
const pollPause = 100 * time.Millisecond

// maxPoll bounds the bytes that Poll reads at once, so that a stop does not wait for the
// end of a large file.
const maxPoll = 4 << 20

// FileConfig holds the settings of a [File].
type FileConfig struct {
	// Path is the file to follow. It need not exist.
	Path string
	// OnLine is called with each line, without its end. It must not be nil.
	OnLine func(line string)
	// OnFirst, if not nil, is called with lines that are skipped, for they say what those
	// behind them may be: the first and the last one of what was there before, and the
	// beginning of one that is too long.
	OnFirst func(line string)
	// OnReplaced, if not nil, is called before the first line of a file that has replaced
	// the one before, or of one that was truncated.
	OnReplaced func()
	// OnError, if not nil, is called when the file begins to be unreadable, and once for
	// lines that [CheckForm] knows to be of no format. A missing file is no error.
	OnError func(error)
	// Watch reports when the file may have grown. It is [filewatch.Watch] if nil.
	Watch filewatch.Func
}

// File follows a log file like `tail -F`: it reads the lines that are appended, even after
// the file was truncated or replaced.
type File struct {
	conf FileConfig

	file    *os.File
	partial []byte // of a line whose end has not been written yet
	skip    bool   // to the end of a line that is too long
	failed  bool   // OnError was called
	odd     bool   // OnError was called because of CheckForm

	tooLong atomic.Uint64
}

// OpenFile returns a follower that begins at the end of the file, or, if there is none
// yet, at the beginning of the file once it exists. It returns an error if the file
// exists but cannot be read.
func OpenFile(conf FileConfig) (*File, error) {
	if conf.OnError == nil {
		conf.OnError = func(error) {}
	}
	if conf.OnFirst == nil {
		conf.OnFirst = func(string) {}
	}
	if conf.OnReplaced == nil {
		conf.OnReplaced = func() {}
	}
	if conf.Watch == nil {
		conf.Watch = filewatch.Watch
	}
	f := &File{conf: conf}
	err := f.open()
	if errors.Is(err, os.ErrNotExist) {
		return f, nil
	}
	if err != nil {
		return nil, err
	}
	f.first()
	if _, err := f.file.Seek(0, io.SeekEnd); err != nil {
		return nil, errors.Join(fmt.Errorf("following log %s: %w", conf.Path, err), f.file.Close())
	}
	return f, nil
}

// first calls OnFirst.
func (f *File) first() {
	buf := make([]byte, MaxLine)
	n, _ := f.file.ReadAt(buf, 0)
	line, rest, ok := bytes.Cut(buf[:n], []byte{'\n'})
	if ok {
		f.conf.OnFirst(string(line))
	}
	if info, err := f.file.Stat(); err == nil && info.Size() > int64(n) {
		n, _ = f.file.ReadAt(buf, info.Size()-int64(len(buf)))
		rest = buf[:n]
	}
	lines := bytes.Split(rest, []byte{'\n'}) // the last one is not complete, and the first one may be half
	if last := len(lines) - 2; last > 0 || last == 0 && len(rest) < len(buf) {
		f.conf.OnFirst(string(lines[last]))
	}
}

// TooLong returns the number of lines that were skipped because they are longer than
// MaxLine. It is safe for concurrent use.
func (f *File) TooLong() uint64 { return f.tooLong.Load() }

// Run follows the file until ctx ends, reads what has been written by then, and returns
// nil.
func (f *File) Run(ctx context.Context) error {
	watch, cancel := context.WithCancel(ctx)
	changed := f.conf.Watch(watch, f.conf.Path)
	defer func() {
		cancel()
		for range changed { // until the watch has ended
		}
		f.Poll()
		f.close()
	}()
	var due <-chan time.Time // nil if nothing is to be read
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
			if due == nil {
				due = time.After(pollPause)
			}
			continue
		case <-due:
		}
		due = nil
		if more := f.Poll(); more {
			due = time.After(0)
		}
	}
}

// Poll reads what has been appended. It reports whether there is more to read.
func (f *File) Poll() (more bool) {
	if f.file == nil && !f.reopen() {
		return false
	}
	if !f.read() {
		return true
	}
	if !f.replaced() {
		return false
	}
	if !f.read() { // what was appended before the file was replaced
		return true
	}
	f.close()
	f.conf.OnReplaced()
	return f.reopen() && !f.read()
}

// close closes the file and forgets the line that it ends with.
func (f *File) close() {
	if f.file != nil {
		_ = f.file.Close()
	}
	f.file, f.partial, f.skip = nil, nil, false
}

// reopen opens the file again. It reports whether there is one.
func (f *File) reopen() bool {
	err := f.open()
	if isError := err != nil && !errors.Is(err, os.ErrNotExist); isError != f.failed {
		f.failed = isError
		if isError {
			f.conf.OnError(err)
		}
	}
	return err == nil
}

func (f *File) open() error {
	// Nonblocking, so that a named pipe does not wait for a writer.
	file, err := os.OpenFile(f.conf.Path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return fmt.Errorf("following log: %w", err)
	}
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		return errors.Join(fmt.Errorf("following log: %s is not a regular file", f.conf.Path), err, file.Close())
	}
	f.file = file
	return nil
}

// replaced reports whether the path leads to another file now. If the file was truncated,
// replaced reads it from its beginning.
func (f *File) replaced() bool {
	here, err := f.file.Stat()
	if err != nil {
		return true
	}
	if at, err := f.file.Seek(0, io.SeekCurrent); err == nil && here.Size() < at {
		_, _ = f.file.Seek(0, io.SeekStart)
		f.partial, f.skip = nil, false
		f.conf.OnReplaced()
		f.read()
	}
	there, err := os.Stat(f.conf.Path)
	return err == nil && !os.SameFile(here, there)
}

// read reads up to maxPoll bytes. It reports whether it has reached the end.
func (f *File) read() (atEnd bool) {
	buf := make([]byte, 32<<10)
	for range maxPoll / len(buf) {
		n, err := f.file.Read(buf)
		f.split(buf[:n])
		if n == 0 || err != nil {
			return true
		}
	}
	return false
}

// split splits what was read into lines.
func (f *File) split(data []byte) {
	for len(data) > 0 {
		line, rest, isWhole := bytes.Cut(data, []byte{'\n'})
		if !f.skip {
			f.partial = append(f.partial, line...)
		}
		if len(f.partial) > MaxLine {
			f.conf.OnFirst(string(f.partial[:MaxLine]))
			f.skip, f.partial = true, f.partial[:0]
			f.tooLong.Add(1)
		}
		if isWhole {
			if !f.skip {
				f.line(string(f.partial))
			}
			f.skip, f.partial = false, f.partial[:0]
		}
		data = rest
	}
}

// line passes on a line.
func (f *File) line(line string) {
	if !f.odd {
		if err := CheckForm(line); err != nil {
			f.odd = true
			f.conf.OnError(fmt.Errorf("%s: %w", f.conf.Path, err))
		}
	}
	f.conf.OnLine(line)
}
