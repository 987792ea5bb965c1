package packetstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"sync"

	"golang.org/x/sys/unix"
)

// searchers is how many indexes are searched at once: those that must be read from the disk
// are waited for together. fewIndexes is how many are not worth a goroutine more.
const (
	searchers  = 8
	fewIndexes = 8
)

// searchFolder searches the indexes of a qube's segments, and enters what is found.
func (r *Reader) searchFolder(ctx context.Context, res *Result, folder string) error {
	dir, err := r.files.Dir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // its last segment was removed just now
	} else if err != nil {
		return err
	}
	defer dir.Close()
	entries, err := dir.ReadDir(-1)
	if err != nil {
		return err
	}
	names := segmentNames(entries)
	parts := make([]Result, min(searchers, len(names)/fewIndexes+1))
	errs := make([]error, len(parts))
	var all sync.WaitGroup
	for i := range parts {
		parts[i].query, parts[i].match = res.query, res.match
		share := names[len(names)*i/len(parts) : len(names)*(i+1)/len(parts)]
		all.Go(func() { errs[i] = parts[i].searchAll(ctx, dir, folder, share) })
	}
	all.Wait()
	for i := range parts {
		res.Add(&parts[i])
	}
	return errors.Join(errs...)
}

// segmentNames returns the names of sealed segments among the entries of a qube's folder.
func segmentNames(entries []fs.DirEntry) (names []string) {
	plain := map[string]bool{} // that may be compressed just now
	for _, e := range entries {
		if segmentForm.MatchString(e.Name()) && e.Type().IsRegular() {
			names = append(names, e.Name())
			plain[e.Name()] = !isPacked(e.Name())
		}
	}
	return slices.DeleteFunc(names, func(name string) bool { return isPacked(name) && plain[plainName(name)] })
}

// searchAll searches the indexes of segments.
func (r *Result) searchAll(ctx context.Context, dir *qubeDir, folder string, names []string) error {
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return err
		}
		s := stored{name: folder + "/" + name, folder: folder}
		if s.lacking = r.searchSegment(dir, name, &s); s.lacking != nil {
			r.scan(&s)
		}
	}
	return nil
}

// searchSegment searches the index of a segment, and returns why that cannot be done.
func (r *Result) searchSegment(dir *qubeDir, name string, s *stored) error {
	f, err := dir.open(indexName(name))
	if err != nil {
		return err
	}
	defer f.close()
	x, err := openIndex(f, f.size)
	if err != nil {
		return err
	}
	if s.head = x.indexHead; x.packets == 0 && !x.blind || !r.query.overlaps(x.first, x.last) {
		return nil
	}
	return r.search(s, x)
}

// qubeDir is the folder of a qube, from which many files are read.
type qubeDir struct{ *os.File }

// Dir opens the folder of a qube.
func (f *folder) Dir(name string) (*qubeDir, error) {
	d, err := f.root.OpenFile(name, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	return &qubeDir{d}, nil
}

// open opens a file of the folder, whose name has no slash, with half of the system calls that [os.Root]
// takes: the time of a search is that of its system calls.
func (d *qubeDir) open(name string) (*rawFile, error) {
	fd, err := unix.Openat(int(d.Fd()), name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	f := &rawFile{fd: fd}
	var info unix.Stat_t
	if err = unix.Fstat(fd, &info); err == nil && info.Mode&unix.S_IFMT != unix.S_IFREG {
		err = errors.New("not a regular file")
	}
	if err != nil {
		f.close()
		return nil, &fs.PathError{Op: "stat", Path: name, Err: err}
	}
	f.size = info.Size
	return f, nil
}

// rawFile is a file that is read for a moment.
type rawFile struct {
	fd   int
	size int64
}

// ReadAt implements [io.ReaderAt].
func (f *rawFile) ReadAt(b []byte, at int64) (n int, err error) {
	for n < len(b) {
		m, err := unix.Pread(f.fd, b[n:], at+int64(n))
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return n, fmt.Errorf("reading an index: %w", err)
		case m == 0:
			return n, io.ErrUnexpectedEOF
		default:
			n += m
		}
	}
	return n, nil
}

func (f *rawFile) close() { _ = unix.Close(f.fd) }
