package eventfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/qubesbeat/qubesbeat/internal/filelock"
)

// open opens the file in use: that of an earlier process, or a new one.
func (w *Writer) open() error {
	if err := os.MkdirAll(w.conf.Dir, 0o700|w.conf.Mode&0o040|w.conf.Mode&0o040>>2); err != nil {
		return fmt.Errorf("making the folder of the events: %w", err)
	}
	if err := w.setAside(); err != nil {
		return err
	}
	f, err := os.OpenFile(w.Path(), os.O_RDWR|os.O_APPEND|os.O_CREATE|unix.O_NOFOLLOW, w.conf.Mode)
	if err != nil {
		return fmt.Errorf("opening the file of the events: %w", err)
	}
	if err := w.use(f); err != nil {
		_ = f.Close()
		w.file = nil
		return err
	}
	fresh := w.conf.Fresh
	w.conf.Fresh = false
	if fresh && w.size > 0 {
		return errors.Join(w.complete(), w.open())
	}
	return nil
}

// setAside renames what stands in the place of the file and is no file, such as a
// symbolic link to somewhere else.
func (w *Writer) setAside() error {
	info, err := os.Lstat(w.Path())
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Mode().IsRegular() {
		return nil
	}
	if err != nil {
		return err
	}
	aside := w.Path() + ".not-a-file-" + w.conf.Now().UTC().Format(timeFormat)
	w.conf.Logger.Warn("something else stands in the place of the file of the events and is renamed", "path", w.Path(), "new", aside)
	return os.Rename(w.Path(), aside)
}

// use takes a file into use.
func (w *Writer) use(f *os.File) error {
	if err := filelock.Try(f); errors.Is(err, filelock.ErrHeld) {
		return fmt.Errorf("%s: another process writes events there; choose another path or filename for one of them", f.Name())
	} else if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	w.file, w.size, w.lines = f, info.Size(), 0
	w.spare.left = 0
	return w.mend()
}

// tailBytes is how far from the end of a file the last line feed is looked for. It is
// more than any event has.
const tailBytes = 16 << 20

// mend cuts off the part of a line that a process has left which was killed while it
// wrote: it is less than one event.
func (w *Writer) mend() error {
	from := max(0, w.size-tailBytes)
	tail := make([]byte, 1)
	if w.size == 0 {
		return nil
	}
	if _, err := w.file.ReadAt(tail, w.size-1); err != nil || tail[0] == '\n' {
		return err
	}
	tail = make([]byte, w.size-from)
	if _, err := w.file.ReadAt(tail, from); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	w.size = from + int64(bytes.LastIndexByte(tail, '\n')) + 1
	w.stats.Torn++
	w.conf.Logger.Warn("the last line of the file of the events was not complete and is cut off", "path", w.Path(), "size", w.size)
	return w.file.Truncate(w.size)
}

// checkMoved notices that somebody has moved or removed the file in use. Its lines are
// in the file that was moved, and are lost if it was removed.
func (w *Writer) checkMoved() {
	if w.file == nil {
		return
	}
	var own, named unix.Stat_t
	if err := unix.Fstat(int(w.file.Fd()), &own); err != nil {
		return
	}
	err := unix.Lstat(w.Path(), &named)
	if err == nil && own.Ino == named.Ino && own.Dev == named.Dev {
		return
	}
	if err != nil && !errors.Is(err, syscall.ENOENT) && !errors.Is(err, syscall.ENOTDIR) {
		return // the folder cannot be read now: that says nothing
	}
	if own.Nlink == 0 {
		w.stats.Lost += w.lines
		w.conf.Logger.Error("the file of the events was removed while it was in use; take files with a time in their name only",
			"path", w.Path(), "lost", w.lines)
	} else {
		w.conf.Logger.Warn("the file of the events was moved while it was in use; take files with a time in their name only", "path", w.Path())
	}
	_ = w.file.Close()
	w.file = nil
}
