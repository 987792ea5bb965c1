package beater

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/qubesbeat/qubesbeat/beater/settings"

	"github.com/elastic/elastic-agent-libs/logp"
	"github.com/elastic/elastic-agent-libs/paths"

	"github.com/qubesbeat/qubesbeat/config"
	"github.com/qubesbeat/qubesbeat/module/firewall"
	"github.com/qubesbeat/qubesbeat/module/flow"
	"github.com/qubesbeat/qubesbeat/module/inventory"
	"github.com/qubesbeat/qubesbeat/module/packets"
	"github.com/qubesbeat/qubesbeat/module/verify"
)

// check looks at what a start would open, for `test config`, and reports all
// problems at once. replay says that it would be one. It changes nothing.
func check(s *settings.Settings, root string, replay bool, log *logp.Logger) error {
	errs := []error{flow.Check(s.Interfaces), inventory.Check(&s.Inventory), firewall.Check(&s.Firewall),
		packets.Check(&s.Packets, replay, dataDir()), verify.Check(&s.Verify)}
	if s.DNS != nil {
		errs = append(errs, s.DNS.Check(filepath.Join(dataDir(), "lists")))
	}
	_, processing := flowProcessing(s, log)
	err := errors.Join(config.Locate(root, settings.Files(), errors.Join(errs...)), processing, checkTransactions(s, log))
	if err != nil {
		return fmt.Errorf("checking the configuration: %w", err)
	}
	return nil
}

// dataDir is where the beat keeps what must survive a restart.
func dataDir() string { return paths.Resolve(paths.Data, "") }
