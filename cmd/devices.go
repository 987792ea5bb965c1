package cmd

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/qubesbeat/qubesbeat/internal/capture"
)

// devicesCommand lists the network interfaces.
func devicesCommand() *cobra.Command {
	return quiet(&cobra.Command{
		Use:   "devices",
		Short: "List the network interfaces that can be captured",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			links, err := capture.Links()
			if err != nil {
				return printError(c, err)
			}
			for i, l := range links {
				fmt.Fprintf(c.OutOrStdout(), "%d: %s%s\n", i, l.Name, remarks(l))
			}
			return nil
		},
	})
}

// remarks returns what sets an interface apart, in parentheses.
func remarks(l capture.LinkInfo) string {
	text := ""
	if l.Loopback {
		text += " (loopback)"
	}
	if !l.Up {
		text += " (down)"
	}
	return text
}
