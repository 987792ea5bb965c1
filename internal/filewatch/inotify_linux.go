package filewatch

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// The events that are watched for. A folder reports only what changes which file a name
// leads to: IN_MODIFY on /var/log would wake us for every line of every log.
const (
	fileEvents   = unix.IN_MODIFY | unix.IN_CLOSE_WRITE | unix.IN_ATTRIB
	folderEvents = unix.IN_CREATE | unix.IN_DELETE | unix.IN_MOVED_FROM | unix.IN_MOVED_TO |
		unix.IN_DELETE_SELF | unix.IN_MOVE_SELF | unix.IN_ONLYDIR
	// goneEvents end a watch, of the folder or of the file.
	goneEvents = unix.IN_DELETE_SELF | unix.IN_MOVE_SELF | unix.IN_UNMOUNT | unix.IN_IGNORED
)

// watch is an inotify instance that watches one file and a folder above it.
type watch struct {
	fd     *os.File
	folder int    // watch descriptor
	name   string // that leads from the folder to the file
}

// watchOnce reports changes of the file until ctx ends, or until the name may lead to
// another file, which needs other watches. It returns an error if inotify cannot be used.
func watchOnce(ctx context.Context, path string, changed chan<- struct{}) error {
	w, err := open(path)
	// Only now, so that what happens after the receiver has looked is seen by the watch.
	notify(changed)
	if err != nil {
		return err
	}
	defer w.fd.Close()
	defer context.AfterFunc(ctx, func() { _ = w.fd.Close() })()
	return w.read(ctx, changed)
}

// open watches path and the nearest folder above it that exists.
func open(path string) (*watch, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("watching %s: %w", path, err)
	}
	// Nonblocking, so that the runtime's poller waits for it and Close ends a Read.
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("watching %s: %w", path, err)
	}
	w := &watch{fd: os.NewFile(uintptr(fd), "inotify")}
	for child := path; ; {
		parent := filepath.Dir(child)
		w.folder, err = unix.InotifyAddWatch(fd, parent, folderEvents)
		if err == nil {
			w.name = filepath.Base(child)
			break
		}
		if parent == child || !errors.Is(err, unix.ENOENT) {
			return nil, errors.Join(fmt.Errorf("watching %s: %w", parent, err), w.fd.Close())
		}
		child = parent
	}
	_, _ = unix.InotifyAddWatch(fd, path, fileEvents) // if it exists
	return w, nil
}

// read reports changes until the watches are out of date.
func (w *watch) read(ctx context.Context, changed chan<- struct{}) error {
	var buf [4096]byte
	for {
		if err := w.fd.SetReadDeadline(time.Now().Add(PollInterval)); err != nil && ctx.Err() == nil {
			return fmt.Errorf("reading inotify: %w", err)
		}
		n, err := w.fd.Read(buf[:])
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, os.ErrDeadlineExceeded):
			return nil // the poll: look, and watch what the path leads to now
		case err != nil:
			return fmt.Errorf("reading inotify: %w", err)
		}
		modified, moved := w.parse(buf[:n])
		if moved {
			return nil
		}
		if modified {
			notify(changed)
		}
	}
}

// parse reads events and reports whether the file was modified and whether the path may
// lead to another file.
func (w *watch) parse(events []byte) (modified, moved bool) {
	for len(events) >= unix.SizeofInotifyEvent {
		descriptor := int(int32(binary.NativeEndian.Uint32(events)))
		mask := binary.NativeEndian.Uint32(events[4:])
		size := unix.SizeofInotifyEvent + int(binary.NativeEndian.Uint32(events[12:]))
		name, _, _ := bytes.Cut(events[unix.SizeofInotifyEvent:min(size, len(events))], []byte{0})
		switch {
		case mask&(goneEvents|unix.IN_Q_OVERFLOW) != 0:
			moved = true
		case descriptor != w.folder:
			modified = true
		case string(name) == w.name:
			moved = true
		}
		events = events[min(size, len(events)):]
	}
	return modified, moved
}
