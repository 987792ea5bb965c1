package inventory

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Store reads one inventory from r and, if it is a good one, puts it into the file
// at path, whole and at once. A bad one changes nothing: the last good one stays.
// The folder of path must be there.
func Store(path string, r io.Reader, opts Options) error {
	opts = opts.withDefaults()

	data, err := io.ReadAll(io.LimitReader(r, opts.MaxSize+1))
	if err != nil {
		return fmt.Errorf("receiving inventory: %w", err)
	}

	if _, err := Parse(bytes.NewReader(data), opts); err != nil {
		return err
	}

	return replace(path, data)
}

// replace writes a file beside path and renames it, so that no reader sees half of it and no crash leaves half of it.
func replace(path string, data []byte) error {
	file, err := os.CreateTemp(filepath.Dir(path), ".inventory-*")
	if err != nil {
		return fmt.Errorf("storing inventory: %w", err)
	}

	_, err = file.Write(data)
	err = errors.Join(err, file.Sync(), file.Close())

	if err == nil {
		err = os.Rename(file.Name(), path)
	}

	if err != nil {
		return errors.Join(fmt.Errorf("storing inventory: %w", err), os.Remove(file.Name()))
	}

	return nil
}
