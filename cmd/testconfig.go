package cmd

import (
	"github.com/elastic/beats/v7/libbeat/cmd"
	"github.com/spf13/cobra"

	"github.com/qubesbeat/qubesbeat/beater"
)

// extendTestConfig has `test config`, and no other command, look at the files and
// directories that the settings name.
func extendTestConfig(root *cmd.BeatsRootCmd, options *beater.Options) {
	for _, c := range root.TestCmd.Commands() {
		if c.Name() != "config" {
			continue
		}
		libbeat := c.Run
		c.Run = func(c *cobra.Command, args []string) {
			options.Checking = true
			libbeat(c, args)
		}
	}
}
