package cmd

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/qubesbeat/qubesbeat/internal/safetext"
)

// outFile is a file that packets are written to. What was at its path before stays as it is
// until the new content is complete; a device or a pipe is written to directly.
type outFile struct {
	*os.File
	path string // where the file goes at the end; "" for a device or a pipe
}

// createOut begins to write a file.
func createOut(path string) (*outFile, error) {
	was, err := os.Stat(path)
	if err == nil && !was.Mode().IsRegular() {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		return &outFile{File: f}, err
	}
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target // a link stays one
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".qubesbeat-*")
	if err != nil {
		var e *fs.PathError
		if errors.As(err, &e) {
			e.Path = path
		}
		return nil, err
	}
	if was != nil {
		err = f.Chmod(was.Mode().Perm())
		if st, ok := was.Sys().(*syscall.Stat_t); ok {
			_ = f.Chown(int(st.Uid), int(st.Gid)) // else it belongs to who runs the command
		}
	}
	o := &outFile{File: f, path: path}
	if err != nil {
		return nil, errors.Join(err, o.finish(false))
	}
	return o, nil
}

// finish closes the file, and puts it at its path if it is complete; else nothing is left of it.
func (o *outFile) finish(complete bool) error {
	err := o.Close()
	if o.path == "" {
		return err
	}
	if complete && err == nil {
		if err = os.Rename(o.Name(), o.path); err == nil {
			return nil
		}
	}
	return errors.Join(err, os.Remove(o.Name()))
}

// outside refuses to write a file into the store, where it would be taken for a part of it or
// take the place of one.
func (f *pcapFound) outside(c *cobra.Command, path string) error {
	if path == "-" || !within(f.store, path) {
		return nil
	}
	store := safetext.Line(f.store)
	return usageError(c, "%s: %s is in the store of packets, which nothing else may be written to; name a file outside of %s, or use pcap keep",
		pcapName(c), safetext.Line(path), store)
}

// within reports whether a path, which need not exist, is dir or in it, by whatever way.
func within(dir, path string) bool {
	top, err := os.Stat(dir)
	if err != nil {
		return false
	}
	place, err := filepath.EvalSymlinks(path)
	if err != nil {
		place, err = filepath.EvalSymlinks(filepath.Dir(path))
	}
	if err == nil {
		place, err = filepath.Abs(place)
	}
	for err == nil {
		if info, fault := os.Stat(place); fault == nil && os.SameFile(top, info) {
			return true
		}
		up := filepath.Dir(place)
		if up == place {
			break
		}
		place = up
	}
	return false
}
