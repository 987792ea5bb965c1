// Package atomicfile replaces files in one step: a reader, or the next start after a
// crash, finds the old content or the new one, and never half of it.
package atomicfile

import (
	"errors"
	"os"
	"path/filepath"
)

// Write replaces the file at path, which need not exist, with one that has data and
// that only its owner may read. The folder of path must exist; the file is written to
// the disk, its name in the folder is not. After an error, path is as before.
func Write(path string, data []byte) error {
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	if err = errors.Join(err, file.Sync(), file.Close()); err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return nil
}
