package flow

import (
	"fmt"

	"github.com/qubesbeat/qubesbeat/config"
	"github.com/qubesbeat/qubesbeat/internal/capture"
	"github.com/qubesbeat/qubesbeat/internal/source"
)

// Check compiles the filters of the interfaces, opens the capture files, and makes a file
// where dumps would be, as a start would. The error joins all problems.
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
			p.Add(key+"dumpfile", capture.CheckDump(n.Dumpfile))
		}
		if n.File != "" && n.File != "-" {
			p.Add(key+"file", source.CheckFiles(n.File))
		}
	}
	return p.Err()
}
