package inventory

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/qubesbeat/qubesbeat/config"
	"github.com/qubesbeat/qubesbeat/internal/inventory"
	"github.com/qubesbeat/qubesbeat/internal/preflight"
)

// Check reads the inventory if there is one: dom0 may push the first one later. If it
// does so through the beat, the beat has to write the file. The error joins all
// problems.
func Check(c *config.Inventory) error {
	p := config.Problems{Section: "inventory"}
	if c.Qrexec.Enabled {
		p.Add("qrexec.socket", preflight.Socket(c.Qrexec.Socket))
	}
	if c.File == "" {
		return p.Err()
	}
	switch f, err := os.Open(c.File); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		p.Addf("file", "%w; let the beat's user read it", err)
	default:
		_, err = inventory.Parse(f, inventory.Config{Fields: c.Fields})
		if err := errors.Join(err, f.Close()); err != nil {
			p.Addf("file", "%s: %w", c.File, err)
		}
	}
	if c.Qrexec.Enabled {
		p.Add("file", preflight.Writable(filepath.Dir(c.File)))
	}
	return p.Err()
}
