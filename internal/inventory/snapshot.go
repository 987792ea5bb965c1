package inventory

import (
	"bytes"
	"fmt"
	"io"

	"github.com/qubesbeat/qubesbeat/internal/qube"
	"github.com/qubesbeat/qubesbeat/internal/textmark"
)

// A Snapshot is a complete inventory: the qubes that dom0 listed at one moment, in the order of the inventory.
type Snapshot struct {
	// Qubes have valid and distinct names, and no two of them share an address, a live Xen domain id or a UUID.
	Qubes []qube.Qube
	// Upstream are the netvms between this qube and the outside, the outermost first. It is nil if dom0 does not list
	// them, which it does with --upstream of its script only. They are no clients, so that no lookup finds them.
	Upstream []Upstream
	// Domains reports whether the inventory says of any qube which Xen domain it is, or that it is none: a qube without a
	// domain id is not running then.
	Domains bool
	// IP6 reports whether the inventory says of any qube which IPv6 address it has, or that it has none.
	IP6 bool
}

// Parse reads one inventory in one of the formats that the package comment describes. It reads all of r, but no more than
// Config.MaxSize. If the inventory is invalid, the Snapshot is nil and the error lists all problems; see Problems.
func Parse(r io.Reader, cfg Config) (*Snapshot, error) {
	cfg = cfg.withDefaults()

	data, err := io.ReadAll(io.LimitReader(r, cfg.MaxSize+1))
	if err != nil {
		return nil, fmt.Errorf("reading inventory: %w", err)
	}

	if int64(len(data)) > cfg.MaxSize {
		return nil, fmt.Errorf("reading inventory: more than %d bytes: push fewer qubes or columns", cfg.MaxSize)
	}
	return parse(data, cfg)
}

// parse detects the format of data and parses it. cfg must have its defaults.
func parse(data []byte, cfg Config) (*Snapshot, error) {
	b := newBuilder(cfg)
	data, err := textmark.Trim(data)
	if err == nil {
		err = otherForm(data)
	}
	if err != nil {
		b.report(1, "", err)
		return b.snapshot()
	}
	if bytes.HasPrefix(bytes.TrimLeft(data, " \t\r\n"), []byte("{")) {
		parseJSON(data, b)
	} else {
		parseLines(data, b)
	}
	return b.snapshot()
}
