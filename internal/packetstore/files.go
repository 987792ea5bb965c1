package packetstore

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// files is what the store needs of a file system. Names are below the store's folder;
// a link that leads out of it is refused.
type files interface {
	Create(name string) (file, error) // for writing; it must not exist
	Open(name string) (file, error)   // for reading
	Edit(name string) (file, error)   // for reading and writing
	Mkdir(name string) error          // nil if it exists
	Rename(from, to string) error
	Remove(name string) error
	List(dir string) ([]fs.DirEntry, error)
	SyncDir(dir string) error
	Free() (int64, error) // bytes of the file system
	Close() error
}

// file is a file of the store.
type file interface {
	io.ReaderAt
	io.WriterAt
	WriteAll(bufs [][]byte, at int64) (int, error) // as WriteAt, one behind the other
	WriteTail(b []byte, at int64) (int, error)     // as WriteAt, within a page that begins at at
	Size() (int64, error)
	Truncate(n int64) error
	Sync() error
	Allocate(n int64) error // reserves the first n bytes on the disk, and keeps the size
	Lock(on bool) error     // against other processes that lock it
	Close() error
}

// folder is a files of the operating system.
type folder struct {
	root   *os.Root
	direct bool // past the page cache, where that is possible
}

func openFolder(dir string) (*folder, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return &folder{root: root, direct: true}, nil
}

var _ files = (*folder)(nil) // type check

// Create implements [files].
func (f *folder) Create(name string) (file, error) {
	const flags = os.O_RDWR | os.O_CREATE | os.O_EXCL | unix.O_NOFOLLOW
	if f.direct {
		out, err := f.root.OpenFile(name, flags|unix.O_DIRECT, 0o600)
		if err == nil {
			return &osFile{File: out, direct: true}, nil
		} else if !errors.Is(err, unix.EINVAL) {
			return nil, err
		}
		f.direct = false
		_ = f.root.Remove(name) // what a refused flag may leave
	}
	out, err := f.root.OpenFile(name, flags, 0o600)
	if err != nil {
		return nil, err
	}
	return &osFile{File: out, cached: true}, nil
}

// Open implements [files].
func (f *folder) Open(name string) (file, error) {
	return f.open(name, os.O_RDONLY)
}

// Edit implements [files].
func (f *folder) Edit(name string) (file, error) {
	return f.open(name, os.O_RDWR)
}

func (f *folder) open(name string, flags int) (file, error) {
	in, err := f.root.OpenFile(name, flags|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if info, err := in.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(&fs.PathError{Op: "open", Path: name, Err: errors.New("not a regular file")}, err, in.Close())
	}
	return &osFile{File: in}, nil
}

// Mkdir implements [files].
func (f *folder) Mkdir(name string) error {
	err := f.root.Mkdir(name, 0o700)
	if errors.Is(err, fs.ErrExist) {
		if info, err := f.root.Lstat(name); err != nil || !info.IsDir() {
			return errors.Join(&fs.PathError{Op: "mkdir", Path: name, Err: unix.ENOTDIR}, err)
		}
		return nil
	}
	return err
}

// Rename implements [files].
func (f *folder) Rename(from, to string) error { return f.root.Rename(from, to) }

// Remove implements [files].
func (f *folder) Remove(name string) error { return f.root.Remove(name) }

// List implements [files].
func (f *folder) List(dir string) ([]fs.DirEntry, error) {
	d, err := f.root.Open(dir)
	if err != nil {
		return nil, err
	}
	entries, err := d.ReadDir(-1)
	return entries, errors.Join(err, d.Close())
}

// SyncDir implements [files].
func (f *folder) SyncDir(dir string) error {
	d, err := f.root.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Free implements [files].
func (f *folder) Free() (int64, error) {
	d, err := f.root.Open(".")
	if err != nil {
		return 0, err
	}
	var s unix.Statfs_t
	err = unix.Fstatfs(int(d.Fd()), &s)
	return int64(s.Bavail) * s.Bsize, errors.Join(err, d.Close())
}

// Close implements [files].
func (f *folder) Close() error { return f.root.Close() }

// osFile is a file of the operating system.
type osFile struct {
	*os.File
	direct bool // opened with O_DIRECT
	cached bool // what was written is taken out of the page cache
	single bool // several buffers are not taken at once
}

// WriteAt implements [io.WriterAt]. Where the file system accepts O_DIRECT and refuses
// the alignment to pages, it goes on through the page cache.
func (f *osFile) WriteAt(b []byte, at int64) (int, error) {
	n, err := f.File.WriteAt(b, at)
	if f.direct && errors.Is(err, unix.EINVAL) {
		f.direct, f.cached = false, true
		if _, err := unix.FcntlInt(f.Fd(), unix.F_SETFL, 0); err != nil {
			return n, err
		}
		n, err = f.File.WriteAt(b, at)
	}
	if f.cached && err == nil && len(b) >= pageSize {
		const all = unix.SYNC_FILE_RANGE_WAIT_BEFORE | unix.SYNC_FILE_RANGE_WRITE | unix.SYNC_FILE_RANGE_WAIT_AFTER
		_ = unix.SyncFileRange(int(f.Fd()), at, int64(len(b)), all)
		_ = unix.Fadvise(int(f.Fd()), at, int64(len(b)), unix.FADV_DONTNEED)
	}
	return n, err
}

// WriteAll implements [file]: in one call, where the kernel and the filter of system calls
// allow it.
func (f *osFile) WriteAll(bufs [][]byte, at int64) (n int, err error) {
	if f.direct && !f.single {
		for {
			n, err = unix.Pwritev(int(f.Fd()), bufs, at)
			if !errors.Is(err, unix.EINTR) {
				break
			}
		}
		if f.single = n < 0 && (errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOSYS)); !f.single {
			return max(n, 0), err
		}
	}
	n = 0
	for _, b := range bufs {
		m, err := f.WriteAt(b, at+int64(n))
		if n += m; err != nil {
			return n, err
		}
	}
	return n, nil
}

// WriteTail implements [file]. What is less than a page goes through the page cache. The file
// gets its new size at once, with all of it.
func (f *osFile) WriteTail(b []byte, at int64) (n int, err error) {
	if !f.direct {
		return f.File.WriteAt(b, at)
	}
	if _, err := unix.FcntlInt(f.Fd(), unix.F_SETFL, 0); err != nil {
		return 0, err
	}
	n, err = f.File.WriteAt(b, at)
	_, back := unix.FcntlInt(f.Fd(), unix.F_SETFL, unix.O_DIRECT)
	return n, errors.Join(err, back)
}

// Size implements [file].
func (f *osFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// Sync implements [file]. The times of the file are of no interest.
func (f *osFile) Sync() error { return unix.Fdatasync(int(f.Fd())) }

// Lock implements [file].
func (f *osFile) Lock(on bool) error {
	how := unix.LOCK_UN
	if on {
		how = unix.LOCK_EX
	}
	return unix.Flock(int(f.Fd()), how)
}

// Allocate implements [file].
func (f *osFile) Allocate(n int64) error {
	err := unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_KEEP_SIZE, 0, n)
	if errors.Is(err, unix.EOPNOTSUPP) {
		return nil
	}
	return err
}

// readAll reads a file of at most limit bytes.
func readAll(f file, limit int64) ([]byte, error) {
	n, err := f.Size()
	if err != nil {
		return nil, err
	}
	if n > limit {
		return nil, errors.New("longer than such a file can be")
	}
	b := make([]byte, n)
	_, err = f.ReadAt(b, 0)
	if err == io.EOF {
		err = nil
	}
	return b, err
}

// bootTime returns the time since the start of the machine, suspensions included.
func bootTime() time.Duration {
	var t unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &t) != nil {
		return 0
	}
	return time.Duration(t.Nano())
}
