package beater

import (
	"fmt"

	"github.com/elastic/beats/v7/libbeat/common"

	"github.com/qubesbeat/qubesbeat/config"
)

// ReadConfig reads the configuration that the command line names, for commands that
// run without a beat. root is the name under which the program runs. The values are
// checked; the files that they name are not opened.
func ReadConfig(root string) (*config.Config, error) {
	s, err := readFiles(root)
	if err != nil {
		return nil, err
	}
	return &s.Config, nil
}

// readFiles reads the files that the command line names, and -E over them.
func readFiles(root string) (*settings, error) {
	whole, err := common.LoadFiles(configFiles()...)
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	if over := commandLine(); over != nil {
		if err := whole.Merge(over); err != nil {
			return nil, fmt.Errorf("reading the configuration: %w", err)
		}
	}
	raw, err := whole.Child(root, -1)
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	return readSettings(root, raw)
}
