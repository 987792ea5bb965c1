package packetstore

import (
	"errors"
	"io/fs"
	"sync"
)

// errDead is what every call returns once the process is dead.
var errDead = errors.New("killed")

// faulty is a folder whose calls fail as a test asks for.
type faulty struct {
	files
	mu    sync.Mutex
	calls int
	die   int // number of the call before which the process dies; 0 never

	// fail returns the error of a call, nil for none. A write that fails with errShort
	// writes half.
	fail func(call, name string) error
	hang func(call string) // is called without the lock
}

var errShort = errors.New("short")

// call is called before every call.
func (f *faulty) call(call, name string) error {
	f.mu.Lock()
	hang := f.hang
	f.mu.Unlock()
	if hang != nil {
		hang(call)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls++
	if f.die > 0 && f.calls >= f.die {
		return errDead
	}
	if f.fail != nil {
		return f.fail(call, name)
	}
	return nil
}

func (f *faulty) wrap(in file, err error, name string) (file, error) {
	if err != nil {
		return nil, err
	}
	return &faultyFile{file: in, f: f, name: name}, nil
}

func (f *faulty) Create(name string) (file, error) {
	if err := f.call("create", name); err != nil {
		return nil, err
	}
	in, err := f.files.Create(name)
	return f.wrap(in, err, name)
}

func (f *faulty) Edit(name string) (file, error) {
	if err := f.call("edit", name); err != nil {
		return nil, err
	}
	in, err := f.files.Edit(name)
	return f.wrap(in, err, name)
}

func (f *faulty) Mkdir(name string) error {
	return errors.Join(f.call("mkdir", name), f.unlessDead(func() error { return f.files.Mkdir(name) }))
}

func (f *faulty) Rename(from, to string) error {
	if err := f.call("rename", to); err != nil {
		return err
	}
	return f.files.Rename(from, to)
}

func (f *faulty) Remove(name string) error {
	if err := f.call("remove", name); err != nil {
		return err
	}
	return f.files.Remove(name)
}

func (f *faulty) List(dir string) ([]fs.DirEntry, error) {
	if err := f.call("list", dir); err != nil {
		return nil, err
	}
	return f.files.List(dir)
}

func (f *faulty) SyncDir(dir string) error {
	if err := f.call("syncdir", dir); err != nil {
		return err
	}
	return f.files.SyncDir(dir)
}

func (f *faulty) Free() (int64, error) {
	if err := f.call("free", ""); err != nil {
		return 0, err
	}
	return f.files.Free()
}

// unlessDead calls do, unless the process is dead.
func (f *faulty) unlessDead(do func() error) error {
	f.mu.Lock()
	dead := f.die > 0 && f.calls >= f.die
	f.mu.Unlock()
	if dead {
		return errDead
	}
	return do()
}

// faultyFile is a file of a faulty folder.
type faultyFile struct {
	file
	f    *faulty
	name string
}

func (x *faultyFile) WriteAt(b []byte, at int64) (int, error) {
	return x.write(x.file.WriteAt, b, at, pageSize)
}

// WriteAll implements [file]: half of the buffers are written where half of one is else.
func (x *faultyFile) WriteAll(bufs [][]byte, at int64) (n int, err error) {
	for i, b := range bufs {
		do := func(b []byte, at int64) (int, error) { return x.file.WriteAll([][]byte{b}, at) }
		if i == 0 {
			do = func(b []byte, at int64) (int, error) { return x.write(x.file.WriteAt, b, at, pageSize) }
		}
		m, err := do(b, at+int64(n))
		if n += m; err != nil || m < len(b) {
			return n, err
		}
	}
	return n, nil
}

func (x *faultyFile) WriteTail(b []byte, at int64) (int, error) {
	return x.write(x.file.WriteTail, b, at, 4)
}

// write writes as do does, or half of it, in units of some bytes.
func (x *faultyFile) write(do func([]byte, int64) (int, error), b []byte, at int64, unit int) (int, error) {
	half := b[:len(b)/2&^(unit-1)]
	switch err := x.f.call("write", x.name); {
	case errors.Is(err, errShort):
		return do(half, at)
	case errors.Is(err, errDead): // in the middle of it
		if x.f.calls == x.f.die {
			_, _ = do(half, at)
		}
		return 0, err
	case err != nil:
		return 0, err
	}
	return do(b, at)
}

func (x *faultyFile) Truncate(n int64) error {
	if err := x.f.call("truncate", x.name); err != nil {
		return err
	}
	return x.file.Truncate(n)
}

func (x *faultyFile) Sync() error {
	if err := x.f.call("sync", x.name); err != nil {
		return err
	}
	return x.file.Sync()
}

func (x *faultyFile) Allocate(n int64) error {
	if err := x.f.call("allocate", x.name); err != nil {
		return err
	}
	return x.file.Allocate(n)
}
