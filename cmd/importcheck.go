package cmd

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	conf "github.com/elastic/elastic-agent-libs/config"

	"github.com/qubesbeat/qubesbeat/config"
	"github.com/qubesbeat/qubesbeat/internal/blocklist"
	"github.com/qubesbeat/qubesbeat/internal/lists"
	"github.com/qubesbeat/qubesbeat/internal/preflight"
	"github.com/qubesbeat/qubesbeat/module/dns"
)

// files looks at the files that an imported configuration names, as `test config`
// will: what is refused there is left out of the result.
type files struct{}

// List implements [blocky.Files].
func (files) List(path string, o blocklist.Options) (string, error) {
	if err := (&lists.Source{Location: path}).Check(o); err != nil {
		return "", err
	}
	return filepath.Abs(path)
}

// Hosts implements [blocky.Files].
func (files) Hosts(path string) (string, error) {
	if err := dns.CheckHosts(path); err != nil {
		return "", err
	}
	return filepath.Abs(path)
}

// Dir implements [blocky.Files].
func (files) Dir(path string) (string, error) {
	info, err := os.Stat(path)
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("%s is not a directory", path)
	}
	if err == nil {
		_, err = preflight.Dir(path)
	}
	if err != nil {
		return "", err
	}
	return filepath.Abs(path)
}

// checkImported returns an error if `test config` would refuse a configuration with
// a section `resolver`. It looks at keys, values and files as the beat does.
func checkImported(text []byte) error {
	raw, err := conf.NewConfigWithYAML(text, "import")
	if err != nil {
		return err
	}
	if raw, err = raw.Child("qubesbeat", -1); err != nil {
		return err
	}
	tree := map[string]any{}
	if err := raw.Unpack(&tree); err != nil {
		return err
	}
	if _, err := config.Check("qubesbeat", tree, nil); err != nil {
		return err
	}
	c := config.Default()
	if err := raw.Unpack(&c); err != nil {
		return err
	}
	if !c.Resolver.On() {
		return errors.New("resolver.listen is empty")
	}
	set, err := dns.Parse(&c.Resolver)
	if err != nil {
		return err
	}
	return set.Check(os.TempDir()) // lists are kept in path.data, which is not known here
}
