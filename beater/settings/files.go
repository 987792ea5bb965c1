package settings

import (
	"flag"
	"fmt"

	"github.com/elastic/beats/v7/libbeat/common"
	conf "github.com/elastic/elastic-agent-libs/config"

	"github.com/qubesbeat/qubesbeat/module/transaction"
)

// ReadFiles reads the files that the command line names, and -E over them.
func ReadFiles(root string) (*Settings, error) {
	whole, err := common.LoadFiles(Files()...)
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	if over := CommandLine(); over != nil {
		if err := whole.Merge(over); err != nil {
			return nil, fmt.Errorf("reading the configuration: %w", err)
		}
	}
	raw, err := whole.Child(root, -1)
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	return Read(root, raw)
}

// CommandLine returns the settings of -E, nil where there are none.
func CommandLine() *conf.C {
	if f := flag.Lookup("E"); f != nil {
		if v, ok := f.Value.(*conf.SettingsFlag); ok {
			return v.Config()
		}
	}
	return nil
}

// Analyzers translates the settings of the analyzers.
func (s *Settings) Analyzers() transaction.Config {
	return transaction.Config{Protocols: s.Upstream.Protocols, List: s.Upstream.ProtocolsList, Procs: s.Upstream.Procs,
		Memory: s.Transactions.MaxMemoryMB << 20, InternalNetworks: s.Interfaces[0].InternalNets,
		IgnoreOutgoing: s.Upstream.IgnoreOutgoing, Strict: s.Compat.Strict}
}
