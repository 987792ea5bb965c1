package firewall

import (
	"errors"
	"io/fs"

	"github.com/qubesbeat/qubesbeat/config"
	"github.com/qubesbeat/qubesbeat/internal/preflight"
)

// Check opens the log files, as a start would. One that does not exist yet is followed
// once it does. The error joins all problems.
func Check(c *config.Firewall) error {
	if !c.Enabled {
		return nil
	}
	p := config.Problems{Section: "firewall"}
	for _, f := range c.LogFiles {
		if err := preflight.File(f.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			p.Addf("log_files", "%w; correct the path or let the beat's user read it", err)
		}
	}
	return p.Err()
}
