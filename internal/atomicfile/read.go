package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Aside is behind the name of a file that [Read] has put aside.
const Aside = ".bad"

// Read has parse take the content of the file at path, and removes what a [Write] that was
// killed has left beside it. It does nothing if there is no file. A file that cannot be read,
// or that parse refuses, is put aside as path+[Aside], so that the next Write does not replace
// it; the error is the reason.
func Read(path string, parse func(data []byte) error) error {
	removeUnfinished(path)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = parse(data)
	}
	if err != nil {
		return errors.Join(err, os.Rename(path, path+Aside))
	}
	return nil
}

// removeUnfinished removes what a Write that was killed has left.
func removeUnfinished(path string) {
	paths, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+"-*"))
	for _, path := range paths {
		_ = os.Remove(path) // the next start tries again
	}
}
