package guard

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// The bounds of the directory. The oldest files make room for new ones: those are
// of another version, as a rule.
const (
	maxInput     = 4 << 10 // bytes kept of an input
	maxFiles     = 32
	maxPartFiles = 8
)

// timeFormat sorts by time and has no dash.
const timeFormat = "20060102T150405.000000000Z"

// keep writes the beginning of an input to PART-TIME-HASH.bin and returns the path.
// It returns "" if there is nothing to write, or if an earlier run has already kept
// an input of the same stack.
func (k *Keeper) keep(part, hash string, input []byte) (path string, err error) {
	if k.conf.Dir == "" || len(input) == 0 {
		return "", nil
	}
	if err := os.MkdirAll(k.conf.Dir, 0o700); err != nil {
		return "", err
	}
	if err := os.Chmod(k.conf.Dir, 0o700); err != nil {
		return "", err
	}
	files, err := list(k.conf.Dir)
	if err != nil {
		return "", err
	}
	part = strings.NewReplacer("/", "_", "-", "_").Replace(part)
	for _, c := range files {
		if c.part == part && c.hash == hash {
			return c.path, nil
		}
	}
	if err := makeRoom(files, part); err != nil {
		return "", err
	}
	path = filepath.Join(k.conf.Dir, fmt.Sprintf("%s-%s-%s.bin", part, time.Now().UTC().Format(timeFormat), hash))
	return path, write(path, input[:min(len(input), maxInput)])
}

// crash is a file of the directory.
type crash struct{ path, part, when, hash string }

// list returns the files that keep has written, the latest first.
func list(dir string) (files []crash, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		name, ours := strings.CutSuffix(e.Name(), ".bin")
		if f := strings.Split(name, "-"); ours && len(f) == 3 {
			files = append(files, crash{filepath.Join(dir, e.Name()), f[0], f[1], f[2]})
		}
	}
	slices.SortFunc(files, func(a, b crash) int { return strings.Compare(b.when, a.when) })
	return files, nil
}

// makeRoom removes the oldest files, of the part and of all, so that one more is
// within the bounds.
func makeRoom(files []crash, part string) error {
	var errs []error
	ofPart, kept := 0, 0
	for _, c := range files {
		if c.part == part {
			ofPart++
		}
		if c.part == part && ofPart >= maxPartFiles || kept+1 >= maxFiles {
			errs = append(errs, os.Remove(c.path))
		} else {
			kept++
		}
	}
	return errors.Join(errs...)
}

// write writes a new file that only its owner may read.
func write(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	return errors.Join(err, f.Close())
}
