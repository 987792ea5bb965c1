package packetstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"time"
)

// keptForm are the names that a user may give to what is kept.
var keptForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$`)

// ErrKeptFull is wrapped by the error of [Reader.Keep] if what is kept would exceed its
// bound.
var ErrKeptFull = errors.New("packetstore: no room for packets that are kept")

// Keep copies packets into kept/, whose files the store never removes, and writes a line
// with a note into the chain. most bounds the bytes of all that is kept.
func (r *Reader) Keep(ctx context.Context, res *Result, name, note string, most int64, o CopyOptions) (path string, done Copied, err error) {
	if !keptForm.MatchString(name) {
		return "", done, fmt.Errorf("keeping packets: %q is no name of a file: letters, digits, and -_. behind the first", name)
	}
	if err := r.files.Mkdir(keptName); err != nil {
		return "", done, fmt.Errorf("keeping packets: %w", err)
	}
	used, err := r.keptBytes()
	if err != nil {
		return "", done, fmt.Errorf("keeping packets: %w", err)
	}
	if used >= most {
		return "", done, fmt.Errorf("keeping packets: %w: %d bytes of %d are used", ErrKeptFull, used, most)
	}
	if o.Limit <= 0 || o.Limit > most-used {
		o.Limit = most - used
	}
	path = keptName + "/" + name + segmentSuffix
	f, err := (&folder{root: r.files.root}).Create(path)
	if err != nil {
		return "", done, fmt.Errorf("keeping packets: %w", err)
	}
	done, err = r.Copy(ctx, &appender{f: f}, res, o)
	err = errors.Join(err, f.Sync(), f.Close(), r.files.SyncDir(keptName))
	if err == nil && done.Limited {
		err = fmt.Errorf("keeping packets: %w: there are more than %d bytes", ErrKeptFull, o.Limit)
	}
	if err == nil {
		err = r.line(&Line{Event: Kept, Name: path, Bytes: done.Bytes, Packets: clamp(done.Packets), Reason: note[:min(len(note), 500)]})
	}
	if err != nil {
		return "", done, errors.Join(err, r.files.Remove(path))
	}
	return path, done, nil
}

// keptBytes returns the size of all that is kept.
func (r *Reader) keptBytes() (n int64, err error) {
	entries, err := r.files.List(keptName)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			n += rounded(info.Size())
		}
	}
	return n, err
}

// appender writes a file from the beginning on.
type appender struct {
	f  file
	at int64
}

// Write implements [io.Writer].
func (a *appender) Write(b []byte) (int, error) {
	n, err := a.f.WriteAt(b, a.at)
	a.at += int64(n)
	if err == nil && n < len(b) {
		err = io.ErrShortWrite
	}
	return n, err
}

// line appends a line to the chain.
func (r *Reader) line(l *Line) error {
	c, err := openChain(r.files, nil)
	if err != nil {
		return err
	}
	l.At = time.Now()
	return errors.Join(c.append(l), c.close())
}

// Forget removes all sealed segments of a qube, with a line of each in the chain, and
// returns how many. Those that are being filled stay: [Store.Seal] seals them before, and
// the qube should be excluded.
func (r *Reader) Forget(qube, reason string) (segments int, err error) {
	c, err := openChain(r.files, nil)
	if err != nil {
		return 0, fmt.Errorf("forgetting the packets of a qube: %w", err)
	}
	folder := folderOf(qube)
	err = r.list(qube, func(s *stored) error {
		if s.open || s.folder != folder {
			return nil
		}
		segments++
		l := Line{At: time.Now(), Event: Forgotten, Name: s.name, Bytes: r.bytesOf(s), Packets: s.head.packets, First: s.head.first, Last: s.head.last, Reason: reason}
		if err := c.append(&l); err != nil && !isFull(err) {
			return err
		}
		return removeFiles(r.files, s.name)
	})
	if err == nil {
		if err = r.files.Remove(folder); errors.Is(err, fs.ErrNotExist) || err != nil && segments > 0 {
			err = nil // the store may have sealed another one just now
		}
	}
	if err = errors.Join(err, c.close()); err != nil {
		return segments, fmt.Errorf("forgetting the packets of a qube: %w", err)
	}
	return segments, nil
}

// bytesOf returns what a sealed segment takes on the disk.
func (r *Reader) bytesOf(s *stored) int64 {
	if f, err := r.files.Open(s.name); err == nil {
		defer f.Close()
		if n, err := f.Size(); err == nil {
			return rounded(n)
		}
	}
	return rounded(s.head.size)
}

// Repair repairs what a crash has left in a folder, without storing packets there, and makes
// damaged indexes again, except those of encrypted segments, which cannot be read here. It
// returns [ErrBusy] while another process does.
func Repair(dir string) (repaired, damaged int, err error) {
	s, err := Open(Config{Dir: dir, Integrity: true, thorough: true, Names: func(uint32, time.Time) (Holder, bool) { return Holder{}, false }})
	if err != nil {
		return 0, 0, err
	}
	return int(s.c.repaired), int(s.c.damaged), s.Close()
}
