package cmd

import (
	"fmt"
	"runtime"

	libversion "github.com/elastic/beats/v7/libbeat/version"
	"github.com/spf13/cobra"

	"github.com/qubesbeat/qubesbeat/internal/version"
)

// printVersion prints our version and that of libbeat, which is part of the names of
// indices and templates. Under packetbeat's name the line begins as packetbeat's does.
func printVersion(c *cobra.Command, name string) {
	if name == packetbeatName {
		fmt.Fprintf(c.OutOrStdout(), "%s version %s (%s), libbeat %s, %s %s, %s\n", name, libversion.GetDefaultVersion(),
			runtime.GOARCH, libversion.GetDefaultVersion(), version.Product, version.Version, runtime.Version())
		return
	}
	fmt.Fprintf(c.OutOrStdout(), "%s version %s (%s), libbeat %s, %s\n",
		name, version.Version, runtime.GOARCH, libversion.GetDefaultVersion(), runtime.Version())
}
