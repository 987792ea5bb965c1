package eventfile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	suffix     = ".ndjson"
	timeFormat = "20060102T150405.000Z"
)

// safeName returns a host's name as part of a file name.
func safeName(host string) string {
	host = strings.Map(func(r rune) rune {
		if r < 0x80 && (r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || strings.ContainsRune("._-", r)) {
			return r
		}
		return '_'
	}, host)
	if host = strings.TrimLeft(host, "."); host == "" {
		return "unknown"
	}
	return host[:min(len(host), 64)]
}

// complete closes the file in use and gives it its last name.
func (w *Writer) complete() error {
	if err := w.file.Sync(); err != nil {
		return fmt.Errorf("writing the events to the disk: %w", err)
	}
	err := w.rename()
	_ = w.file.Close()
	w.file = nil
	if err != nil {
		return err
	}
	w.stats.Completed++
	w.purge()
	return nil
}

// rename gives the file a name that sorts behind all names before, also if the clock was
// set back, and replaces nothing.
func (w *Writer) rename() error {
	t := w.conf.Now().UTC()
	if !t.After(w.last) {
		t = w.last.Add(time.Millisecond)
	}
	for ; ; t = t.Add(time.Millisecond) {
		name := w.conf.Name + "-" + w.conf.Host + "-" + t.Format(timeFormat) + suffix
		err := renameNew(w.Path(), filepath.Join(w.conf.Dir, name))
		if err == nil {
			w.last = t
			return nil
		}
		if !errors.Is(err, os.ErrExist) {
			return fmt.Errorf("completing the file of the events: %w", err)
		}
	}
}

// renameNew renames a file and replaces none. A file system that cannot do that in one
// step leaves a moment for another program to make a file of that very name.
func renameNew(from, to string) error {
	err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
	if !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOSYS) && !errors.Is(err, unix.EPERM) { // EPERM: a filter of system calls
		return err
	}
	if _, err := os.Lstat(to); err == nil {
		return os.ErrExist
	}
	return os.Rename(from, to)
}

// oldFile is a complete file, with what is needed to choose among them.
type oldFile struct {
	path string
	size int64
	at   time.Time // of its completion
}

// purge deletes the oldest complete files until there is room for the next one.
func (w *Writer) purge() {
	files, total := w.list()
	for _, f := range files {
		if total <= w.conf.TotalBytes-w.conf.FileBytes {
			return
		}
		if err := os.Remove(f.path); err != nil {
			w.conf.Logger.Warn("an old file of events cannot be deleted", "path", f.path, "error", err)
			continue
		}
		total -= f.size
		w.stats.Deleted++
		w.stats.DeletedBytes += uint64(f.size)
	}
}

// list returns the complete files, the oldest first, and their size. Files of earlier
// versions, and files that were compressed since, are among them.
func (w *Writer) list() (files []oldFile, total int64) {
	entries, err := os.ReadDir(w.conf.Dir)
	if err != nil {
		return nil, 0
	}
	for _, e := range entries {
		if !w.isComplete(e.Name()) {
			continue
		}
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			files = append(files, oldFile{filepath.Join(w.conf.Dir, e.Name()), info.Size(), completed(e.Name(), info.ModTime())})
			total += info.Size()
		}
	}
	slices.SortStableFunc(files, func(a, b oldFile) int { return a.at.Compare(b.at) })
	return files, total
}

// isComplete reports whether a name is that of a complete file.
func (w *Writer) isComplete(name string) bool {
	rest, ours := strings.CutPrefix(name, w.conf.Name+"-")
	return ours && (strings.HasSuffix(rest, suffix) || strings.HasSuffix(rest, suffix+".gz") || strings.HasSuffix(rest, suffix+".zst"))
}

// CompletedAt returns the time at which a file was completed, in UTC, by its name, which may
// have the ending of a compressed one. It returns false if the name is not that of a
// complete file.
func CompletedAt(name string) (t time.Time, ok bool) {
	stem, _, _ := strings.Cut(name, suffix)
	i := strings.LastIndexByte(stem, '-')
	if i < 0 {
		return t, false
	}
	t, err := time.Parse(timeFormat, stem[i+1:])
	return t, err == nil
}

// completed returns the time in the name of a file, and modified if there is none.
func completed(name string, modified time.Time) time.Time {
	if t, ok := CompletedAt(name); ok {
		return t
	}
	return modified
}
