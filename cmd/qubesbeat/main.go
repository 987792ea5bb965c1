// Command qubesbeat meters the network traffic of the qubes of Qubes OS and names the qube
// of each flow.
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
