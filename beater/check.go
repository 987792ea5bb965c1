package beater

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/elastic/elastic-agent-libs/logp"

	"github.com/qubesbeat/qubesbeat/config"
	"github.com/qubesbeat/qubesbeat/internal/inventory"
	"github.com/qubesbeat/qubesbeat/internal/preflight"
)

// check looks at what a start would open, for `test config`, and reports all
// problems at once. It changes nothing.
func (s *settings) check(root string, log *logp.Logger) error {
	errs := []error{s.checkCapture(), s.checkInventory(), s.checkLogFiles()}
	if s.resolver != nil {
		errs = append(errs, s.resolver.Check(listsDir()))
	}
	err := errors.Join(config.Locate(root, configFiles(), errors.Join(errs...)), s.checkTransactions(log))
	if err != nil {
		return fmt.Errorf("checking the configuration: %w", err)
	}
	return nil
}

// checkCapture compiles the filters and tries the directories of dumps.
func (s *settings) checkCapture() error {
	var p config.Problems
	for i := range s.Interfaces {
		n, key := &s.Interfaces[i], fmt.Sprintf("interfaces.%d.", i)
		if n.BPFFilter != "" {
			if _, _, err := compile(n.BPFFilter); err != nil {
				p.Addf(key+"bpf_filter", "%w; man pcap-filter has the language", err)
			}
		}
		if n.Dumpfile != "" {
			p.Add(key+"dumpfile", writable(filepath.Dir(n.Dumpfile)))
		}
	}
	return p.Err()
}

// checkInventory reads the inventory if there is one: dom0 may push the first one
// later. If it does so through the beat, the beat has to write the file.
func (s *settings) checkInventory() error {
	p, cfg := config.Problems{Section: "inventory"}, &s.Inventory
	if cfg.File == "" {
		return nil
	}
	switch f, err := os.Open(cfg.File); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		p.Addf("file", "%w; let the beat's user read it", err)
	default:
		_, err = inventory.Parse(f, inventory.Options{Fields: cfg.Fields})
		if err := errors.Join(err, f.Close()); err != nil {
			p.Addf("file", "%s: %w", cfg.File, err)
		}
	}
	if cfg.Qrexec.Enabled {
		p.Add("file", writable(filepath.Dir(cfg.File)))
	}
	return p.Err()
}

// checkLogFiles opens the log files. One that does not exist yet is followed when
// it does.
func (s *settings) checkLogFiles() error {
	p := config.Problems{Section: "firewall"}
	for _, path := range s.Firewall.LogFiles {
		if err := preflight.File(path); err != nil && s.Firewall.Enabled && !errors.Is(err, fs.ErrNotExist) {
			p.Addf("log_files", "%w; correct the path or let the beat's user read it", err)
		}
	}
	return p.Err()
}

// writable returns an error unless files can be made in a directory.
func writable(dir string) error {
	if _, err := preflight.Dir(dir); err != nil {
		return fmt.Errorf("%w; choose a directory that the beat may write to", err)
	}
	return nil
}
