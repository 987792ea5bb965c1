// Command qubesbeat meters the network traffic of Qubes OS qubes and names the
// qube behind each flow.
package main

import (
	"os"

	"github.com/qubesbeat/qubesbeat/cmd"
)

func main() {
	if err := cmd.Root().Execute(); err != nil {
		os.Exit(1)
	}
}
