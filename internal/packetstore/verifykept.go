package packetstore

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/qubesbeat/qubesbeat/internal/filelock"
)

// verifyKept compares the files in kept/ with their lines.
func (r *Reader) verifyKept(ctx context.Context, v *Verification) error {
	entries, err := r.files.List(keptName)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	for _, e := range entries {
		name := keptName + "/" + e.Name()
		l := v.kept[name]
		delete(v.kept, name)
		if !e.Type().IsRegular() {
			v.problem("%s is no regular file", name)
			continue
		}
		if err := r.verifyKeptFile(ctx, v, name, l); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(v.kept)) {
		v.problem("%s is missing, and no line says why", name)
	}
	return nil
}

// verifyKeptFile compares a file in kept/ with its line, which is nil if there was none when the chain
// was read.
func (r *Reader) verifyKeptFile(ctx context.Context, v *Verification, name string, l *Line) error {
	if l == nil {
		if r.beingKept(name) {
			return nil
		}
		now := newVerification()
		if err := r.verifyChain(now, map[string]*Line{}); err != nil {
			return err
		}
		if l = now.kept[name]; l == nil {
			v.problem("%s was added: the chain has no line of it", name)
			return nil
		}
	}
	size, sum, err := r.digestOf(ctx, name)
	switch {
	case err != nil:
		return err
	case size != l.Bytes:
		v.problem("%s has %d bytes; it was kept with %d", name, size, l.Bytes)
	case l.Segment == "":
		v.note("%s is as long as when it was kept on %s; that it was not changed cannot be proven, for its line has no digest", name, minute(l.At))
	case sum != l.Segment:
		v.problem("%s was changed since it was kept", name)
	default:
		v.Kept++
	}
	return nil
}

// beingKept reports whether a process is writing a file in kept/, whose line comes at the end.
func (r *Reader) beingKept(name string) bool {
	f, err := r.files.root.OpenFile(name, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	return filelock.Held(f)
}

// verifyOthers reports what is in the folders of qubes and is no file of the store.
func (r *Reader) verifyOthers(v *Verification) error {
	top, err := r.files.List(".")
	if err != nil {
		return err
	}
	for _, e := range top {
		if !e.IsDir() || !isFolder(e.Name()) {
			continue
		}
		entries, err := r.files.List(e.Name())
		if errors.Is(err, fs.ErrNotExist) {
			continue
		} else if err != nil {
			return err
		}
		slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
		for _, one := range entries {
			v.other(e.Name()+"/"+one.Name(), one)
		}
	}
	return nil
}

// other reports an entry of a qube's folder that is no file of the store.
func (v *Verification) other(name string, e fs.DirEntry) {
	index, isIndex := strings.CutSuffix(strings.TrimSuffix(e.Name(), ".tmp"), indexSuffix)
	own := segmentForm.MatchString(strings.TrimSuffix(e.Name(), ".tmp")) || isIndex && segmentForm.MatchString(index+segmentSuffix)
	switch {
	case own && !e.Type().IsRegular():
		v.problem("%s is no regular file, and has a name of the store", name)
	case !own:
		v.note("%s was not made by the store, which leaves it alone", name)
	}
}
