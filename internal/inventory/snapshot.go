package inventory

import (
	"bytes"
	"fmt"
	"io"

	"github.com/qubesbeat/qubesbeat/internal/qube"
)

// A Snapshot is one whole inventory: every qube that dom0 told about, at one moment, in the order of the inventory.
type Snapshot struct {
	// Qubes have valid and different names, and no two of them share an address, a live Xen domain id or a UUID.
	Qubes []qube.Qube
}

// Parse reads one inventory, whose format is described at the top of the package. It reads all of r, but not more than
// Options.MaxSize. If anything is wrong the Snapshot is nil and the error lists everything; see Problems.
func Parse(r io.Reader, opts Options) (*Snapshot, error) {
	opts = opts.withDefaults()

	data, err := io.ReadAll(io.LimitReader(r, opts.MaxSize+1))
	if err != nil {
		return nil, fmt.Errorf("reading inventory: %w", err)
	}

	if int64(len(data)) > opts.MaxSize {
		return nil, fmt.Errorf("reading inventory: it has more than %d bytes: push fewer qubes or columns", opts.MaxSize)
	}

	return parse(data, opts)
}

// parse detects the format of data. opts must have its defaults.
func parse(data []byte, opts Options) (*Snapshot, error) {
	b := newBuilder(opts)
	if bytes.HasPrefix(bytes.TrimLeft(data, " \t\r\n"), []byte("{")) {
		parseJSON(data, b)
	} else {
		parseLines(data, b)
	}

	return b.snapshot()
}
