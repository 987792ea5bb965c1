package packetstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"strings"
	"time"
)

// keptForm are the names that a user may give to what is kept.
var keptForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$`)

// IsKeptName reports whether a user may give a name to what is kept.
func IsKeptName(name string) bool { return keptForm.MatchString(name) }

// ErrKeptFull is wrapped by the error of [Reader.Keep] if what is kept would exceed its
// bound.
var ErrKeptFull = errors.New("packetstore: no room for packets that are kept")

// Keep copies packets into kept/, whose files the store never removes, and writes a line
// with a note into the chain. most bounds the bytes of all that is kept.
func (r *Reader) Keep(ctx context.Context, res *Result, name, note string, most int64, o CopyOptions) (path string, done Copied, err error) {
	if !IsKeptName(name) {
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
	out := &appender{f: f, sum: newSum()}
	if err = f.Lock(true); err == nil { // until the chain has a line of it: see verifyKept
		done, err = r.Copy(ctx, out, res, o)
	}
	err = errors.Join(err, f.Sync(), r.files.SyncDir(keptName))
	if err == nil && done.Limited {
		err = fmt.Errorf("keeping packets: %w: there are more than %d bytes", ErrKeptFull, o.Limit)
	}
	if err == nil {
		err = r.line(&Line{Event: Kept, Name: path, Bytes: done.Bytes, Packets: clamp(done.Packets), First: done.First, Last: done.Last,
			Segment: out.sum.text(), Reason: note[:min(len(note), 500)]})
	}
	if err = errors.Join(err, f.Close()); err != nil {
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
	f   file
	at  int64
	sum *sum // of what was written
}

// Write implements [io.Writer].
func (a *appender) Write(b []byte) (int, error) {
	n, err := a.f.WriteAt(b, a.at)
	a.at += int64(n)
	_, _ = a.sum.Write(b[:n]) // never fails
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
		err = r.dropIndexes(folder)
	}
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

// dropIndexes removes the indexes of a folder whose segments somebody else has removed.
func (r *Reader) dropIndexes(folder string) error {
	entries, err := r.files.List(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	have := map[string]bool{}
	for _, e := range entries {
		if segmentForm.MatchString(e.Name()) {
			have[indexName(e.Name())] = true
		}
	}
	for _, e := range entries {
		name, isIndex := strings.CutSuffix(e.Name(), indexSuffix)
		if isIndex && segmentForm.MatchString(name+segmentSuffix) && !have[e.Name()] {
			if fault := r.files.Remove(folder + "/" + e.Name()); fault != nil && !errors.Is(fault, fs.ErrNotExist) {
				err = errors.Join(err, fault)
			}
		}
	}
	return err
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

// Repairs say what [Repair] has done.
type Repairs struct {
	Repaired, Damaged int      // segments
	Changed           []string // of those that were repaired, what is not as it was sealed, which no crash explains
}

// Repair repairs what a crash has left in a folder, without storing packets there, and makes
// damaged indexes again, except those of encrypted segments, which cannot be read here. It
// returns [ErrBusy] while another process does.
func Repair(dir string) (done Repairs, err error) {
	s, err := Open(Config{Dir: dir, Integrity: true, thorough: true, Names: func(uint32, time.Time) (Holder, bool) { return Holder{}, false }})
	if err != nil {
		return done, err
	}
	return Repairs{int(s.c.repaired), int(s.c.damaged), s.w.changed}, s.Close()
}
