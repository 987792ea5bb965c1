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
)

// pollEvery is how often a followed file is looked at. A poll sees rotation and
// bind mounts alike, and costs a read that finds nothing.
const pollEvery = 250 * time.Millisecond

// File follows a log file as `tail -F` does: lines that are added, also after the
// file was cut or replaced.
type File struct {
	path string
	line func(text string)

	file    *os.File
	partial []byte // of a line whose end is not there yet
	skip    bool   // to the end of a line that is too long

	tooLong atomic.Uint64
}

// OpenFile returns a follower that hands the lines to line, without their ends. It
// begins at the end of the file, or, where there is none yet, at the beginning of
// the one that will come. Any other fault of opening it is an error.
func OpenFile(path string, line func(text string)) (*File, error) {
	f := &File{path: path, line: line}
	err := f.open()
	if errors.Is(err, os.ErrNotExist) {
		return f, nil
	}
	if err != nil {
		return nil, err
	}
	if _, err := f.file.Seek(0, io.SeekEnd); err != nil {
		return nil, errors.Join(fmt.Errorf("%s is not a file that can be followed: %w", path, err), f.file.Close())
	}
	return f, nil
}

// TooLong returns the number of lines that were left out. It is safe for
// concurrent use.
func (f *File) TooLong() uint64 { return f.tooLong.Load() }

// Run follows the file until ctx ends.
func (f *File) Run(ctx context.Context) {
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	for {
		f.Poll()
		select {
		case <-ctx.Done():
			f.Poll()
			if f.file != nil {
				_ = f.file.Close()
			}
			return
		case <-ticker.C:
		}
	}
}

// Poll reads what has been added.
func (f *File) Poll() {
	if f.file == nil && f.open() != nil {
		return
	}
	if f.read() && f.replaced() && f.read() { // what came before it was replaced
		_ = f.file.Close()
		f.file, f.partial, f.skip = nil, nil, false
		if f.open() == nil {
			f.read()
		}
	}
}

func (f *File) open() (err error) {
	file, err := os.OpenFile(f.path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return fmt.Errorf("opening the log: %w", err)
	}
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		return errors.Join(fmt.Errorf("%s is not a regular file", f.path), err, file.Close())
	}
	f.file = file
	return nil
}

// replaced reports whether the path leads to another file now. One that was cut is
// read from its beginning.
func (f *File) replaced() bool {
	here, err := f.file.Stat()
	if err != nil {
		return true
	}
	if at, err := f.file.Seek(0, io.SeekCurrent); err == nil && here.Size() < at {
		_, _ = f.file.Seek(0, io.SeekStart)
		f.partial, f.skip = nil, false
		f.read()
	}
	there, err := os.Stat(f.path)
	return err == nil && !os.SameFile(here, there)
}

// readAtOnce bounds what one look reads, so that a stop does not wait for the end of a
// large file.
const readAtOnce = 4 << 20

func (f *File) read() (atEnd bool) {
	buf := make([]byte, 32<<10)
	for range readAtOnce / len(buf) {
		n, err := f.file.Read(buf)
		f.take(buf[:n])
		if n == 0 || err != nil {
			return true
		}
	}
	return false
}

// take cuts lines off what was read.
func (f *File) take(data []byte) {
	for len(data) > 0 {
		line, rest, whole := bytes.Cut(data, []byte{'\n'})
		if !f.skip {
			f.partial = append(f.partial, line...)
		}
		if len(f.partial) > MaxLine {
			f.skip, f.partial = true, f.partial[:0]
			f.tooLong.Add(1)
		}
		if whole {
			if !f.skip {
				f.line(string(f.partial))
			}
			f.skip, f.partial = false, f.partial[:0]
		}
		data = rest
	}
}
