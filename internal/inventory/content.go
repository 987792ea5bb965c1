package inventory

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// errChanging is returned if a file changed while it was read.
var errChanging = errors.New("the file is being written")

// settleTime is how long after its last change a file may change again without a new modification time: times are as
// coarse as the kernel's clock tick, and 2 s on file systems such as FAT.
const settleTime = 2 * time.Second

// A content is the result of reading a file once.
type content struct {
	data    []byte
	info    fs.FileInfo
	settled bool // the same info implies the same data
}

// readContent reads the whole file but no more than limit bytes. It returns an error wrapping errChanging if the file
// changed meanwhile, so that half an inventory is not mistaken for a complete one.
func readContent(open func(string) (fs.File, error), path string, limit int64) (c content, err error) {
	file, err := open(path)
	if err != nil {
		return content{}, openError(path, err)
	}

	defer func() { err = errors.Join(err, file.Close()) }()

	before, err := file.Stat()
	if err != nil {
		return content{}, fmt.Errorf("reading inventory: %w", err)
	}

	if err := checkInfo(before, path, limit); err != nil {
		return content{}, err
	}

	data, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err != nil {
		return content{}, fmt.Errorf("reading inventory: %w", err)
	}

	after, err := file.Stat()
	if err != nil {
		return content{}, fmt.Errorf("reading inventory: %w", err)
	}

	if !sameInfo(before, after) || int64(len(data)) != after.Size() {
		return content{}, fmt.Errorf("reading inventory %s: %w", path, errChanging)
	}
	return content{data: data, info: after, settled: time.Since(after.ModTime()) > settleTime}, nil
}

// isCurrent reports whether reading the file, whose info is given, would return the same content again.
func (c content) isCurrent(info fs.FileInfo) bool {
	return c.settled && os.SameFile(c.info, info) && sameInfo(c.info, info)
}

// sameInfo reports whether the size and the modification time are the same.
func sameInfo(a, b fs.FileInfo) bool {
	return a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

// checkInfo returns an error if the file is not to be read.
func checkInfo(info fs.FileInfo, path string, limit int64) error {
	switch {
	case !info.Mode().IsRegular():
		return fmt.Errorf("reading inventory: %s is not a regular file: give the path of the inventory itself", path)
	case info.Size() > limit:
		return fmt.Errorf("reading inventory: %s has more than %d bytes: push fewer qubes or columns", path, limit)
	}
	return nil
}

// openError adds a hint to the error of opening path.
func openError(path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no inventory at %s: let dom0 push it, or write it with qvm-ls --raw-data: %w",
			path, err)
	}
	return fmt.Errorf("opening inventory: %w", err)
}

// openFile is like os.Open but does not wait for a writer if path is a named pipe, which checkInfo then refuses.
func openFile(path string) (fs.File, error) {
	return os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
}
