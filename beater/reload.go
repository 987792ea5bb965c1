package beater

import (
	"errors"
	"fmt"

	"github.com/elastic/beats/v7/libbeat/common"
)

// reloadResolver reads the files of the configuration anew and puts the rules of
// the resolver in force. The rest of the configuration is checked, too, and stays
// as it was.
func (r *run) reloadResolver(d *dns) error {
	s, err := r.readAgain()
	if err != nil {
		return err
	}
	if !s.Resolver.On() {
		return errors.New("the configuration has no resolver.listen any more; stop the beat to stop the resolver")
	}
	c, err := buildResolver(&s.Resolver)
	if err != nil {
		return err
	}
	if err := d.Reload(c.Rules); err != nil {
		return err
	}
	d.warnLists(&s.Resolver, r.slog())
	return nil
}

// readAgain reads the files that the beat was started with, and -E over them.
func (r *run) readAgain() (*settings, error) {
	whole, err := common.LoadFiles(configFiles()...)
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	if over := commandLine(); over != nil {
		if err := whole.Merge(over); err != nil {
			return nil, fmt.Errorf("reading the configuration: %w", err)
		}
	}
	raw, err := whole.Child(r.root, -1)
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	return readSettings(r.root, raw)
}
