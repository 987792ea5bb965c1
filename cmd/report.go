package cmd

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/qubesbeat/qubesbeat/internal/report"
)

// reportCommand summarizes each qube's traffic from files of the file output.
func reportCommand() *cobra.Command {
	return quiet(&cobra.Command{
		Use:   "report FILE...",
		Short: "Print flows, bytes and top destinations per qube from NDJSON files",
		Long:  "Reads files that output.file has written and adds up their final flow events per qube.",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			var t report.Tally
			var failure error
			for _, path := range args {
				if err := readEvents(&t, path); err != nil {
					failure = printError(c, err)
				}
			}
			fmt.Fprint(c.ErrOrStderr(), t.Notes())
			if t.Flows > 0 || failure == nil {
				// The table makes its own text harmless, for it has the colours of the labels.
				return errors.Join(failure, t.Table(os.Stdout, wantsColour()))
			}
			return failure
		},
	})
}

func readEvents(t *report.Tally, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("reading events: %w", err)
	}
	defer f.Close()
	return t.ReadEvents(path, f)
}

// wantsColour reports whether standard output gets colours: it follows
// https://no-color.org and the older CLICOLOR_FORCE.
func wantsColour() bool {
	if os.Getenv("NO_COLOR") != "" {
		return false
	}
	return os.Getenv("CLICOLOR_FORCE") != "" || term.IsTerminal(int(os.Stdout.Fd()))
}
