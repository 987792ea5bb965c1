// Command qubesbeat meters the network traffic of the qubes of Qubes OS and names the qube
// of each flow.
package main

import (
	"os"

	"github.com/qubesbeat/qubesbeat/cmd"
)

func main() {
	if code := cmd.ExitCode(cmd.Root().Execute()); code != 0 {
		os.Exit(code)
	}
}
