package cmd

import (
	"fmt"
	"runtime"

	libversion "github.com/elastic/beats/v7/libbeat/version"
	"github.com/spf13/cobra"

	"github.com/qubesbeat/qubesbeat/internal/version"
)

// printVersion shows our version, and libbeat's, which names indices and
// templates.
func printVersion(c *cobra.Command, _ []string) {
	fmt.Fprintf(c.OutOrStdout(), "%s version %s (%s), libbeat %s, %s\n",
		Name, version.Version, runtime.GOARCH, libversion.GetDefaultVersion(), runtime.Version())
}
