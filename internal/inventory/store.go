package inventory

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Store reads an inventory from r and, if it is valid, replaces the file at path with it, atomically. Otherwise it
// changes nothing and returns an error; see Problems. The folder of path must exist.
func Store(path string, r io.Reader, cfg Config) error {
	cfg = cfg.withDefaults()
	data, err := io.ReadAll(io.LimitReader(r, cfg.MaxSize+1))
	if err != nil {
		return fmt.Errorf("receiving inventory: %w", err)
	}
	if _, err := Parse(bytes.NewReader(data), cfg); err != nil {
		return err
	}
	return replace(path, data)
}

// replace writes a file next to path and renames it, so that neither a reader nor a crash sees half of it.
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
