package inventory

import (
	"bytes"
	"fmt"
	"io"

	"github.com/qubesbeat/qubesbeat/internal/atomicfile"
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
	if err := atomicfile.Write(path, data); err != nil {
		return fmt.Errorf("storing inventory: %w", err)
	}
	return nil
}
