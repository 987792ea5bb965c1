// Package preflight checks, before a start, that files can be read and directories
// written to. What it makes for that, it removes.
package preflight

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// File returns an error unless a file can be opened for reading. A directory is
// not a file.
func File(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = fmt.Errorf("%s is a directory", path)
	}
	return err
}

// Dir returns an error unless files can be made in a directory. If the directory
// does not exist, that goes for the nearest one above that does, in which it will
// be made; exists is false then.
func Dir(dir string) (exists bool, err error) {
	at, err := nearest(dir)
	if err != nil {
		return false, err
	}
	f, err := os.CreateTemp(at, ".qubesbeat-test-*")
	if err != nil {
		return at == dir, err
	}
	_, err = f.WriteString("test\n") // a full disk lets files be made
	return at == dir, errors.Join(err, f.Close(), os.Remove(f.Name()))
}

// nearest returns the path, or else the nearest one above it that exists.
func nearest(path string) (string, error) {
	for {
		_, err := os.Stat(path)
		if err == nil {
			return path, nil
		}
		if !errors.Is(err, fs.ErrNotExist) || filepath.Dir(path) == path {
			return "", err
		}
		path = filepath.Dir(path)
	}
}

// Writable returns an error unless files can be made in a directory, with the next
// step for the user.
func Writable(dir string) error {
	if _, err := Dir(dir); err != nil {
		return fmt.Errorf("%w; choose a directory that the beat may write to", err)
	}
	return nil
}

// maxSocket is the length of the longest path of a socket, in bytes (unix(7)).
const maxSocket = 107

// Socket returns an error unless a socket can be made at a path, with the next step for
// the user. A file that is there is replaced at a start.
func Socket(path string) error {
	if len(path) > maxSocket {
		return fmt.Errorf("%s is longer than %d bytes; choose a shorter path", path, maxSocket)
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return fmt.Errorf("%s is a directory; name a file in it", path)
	}
	return Writable(filepath.Dir(path))
}
