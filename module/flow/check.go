package flow

import (
	"fmt"
	"path/filepath"

	"github.com/qubesbeat/qubesbeat/config"
	"github.com/qubesbeat/qubesbeat/internal/preflight"
	"github.com/qubesbeat/qubesbeat/internal/source"
)

// Check compiles the filters of the interfaces and tries the directories of dumps, as
// a start would. The error joins all problems.
func Check(interfaces []config.Interface) error {
	var p config.Problems
	for i := range interfaces {
		n, key := &interfaces[i], fmt.Sprintf("interfaces.%d.", i)
		if n.BPFFilter != "" {
			if err := source.CheckFilter(n.BPFFilter); err != nil {
				p.Addf(key+"bpf_filter", "%w; man pcap-filter has the language", err)
			}
		}
		if n.Dumpfile != "" {
			p.Add(key+"dumpfile", preflight.Writable(filepath.Dir(n.Dumpfile)))
		}
	}
	return p.Err()
}
