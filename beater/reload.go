package beater

import (
	"github.com/qubesbeat/qubesbeat/beater/settings"
	"github.com/qubesbeat/qubesbeat/config"
)

// ReadConfig reads the configuration that the command line names, for commands that
// run without a beat. root is the name under which the program runs. The values are
// checked; the files that they name are not opened.
func ReadConfig(root string) (*config.Config, error) {
	s, err := settings.ReadFiles(root)
	if err != nil {
		return nil, err
	}
	return &s.Config, nil
}
