// Command packetbeat is Elastic's packetbeat, built from the module version
// that qubesbeat depends on, so that both are compared on the same libbeat. It
// adds nothing to the original main function. It needs cgo and the headers of
// libpcap.
package main

import (
	"os"
	_ "time/tzdata" // as in the original: time zones without the system's files

	"github.com/elastic/beats/v7/packetbeat/cmd"
)

func main() {
	if err := cmd.RootCmd.Execute(); err != nil {
		os.Exit(1)
	}
}
