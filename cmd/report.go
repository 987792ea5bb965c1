package cmd

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/qubesbeat/qubesbeat/internal/eventfile"
	"github.com/qubesbeat/qubesbeat/internal/report"
)

// reportCommand summarizes each qube's traffic from files of the file output.
func reportCommand() *cobra.Command {
	return quiet(&cobra.Command{
		Use:   "report FILE...",
		Short: "Print flows, bytes and top destinations per qube from NDJSON files",
		Long: "Reads files that output.file has written, also compressed with gzip or zstd, and adds up their final flow events\n" +
			"per qube; - is standard input.",
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			var t report.Tally
			var failure error
			for _, path := range args {
				if err := readEvents(c, &t, path); err != nil {
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

func readEvents(c *cobra.Command, t *report.Tally, path string) error {
	in, err := eventfile.Open(path, c.InOrStdin())
	if err != nil {
		return fmt.Errorf("reading events: %w", err)
	}
	return errors.Join(t.ReadEvents(in.Name, in), in.Close())
}

// wantsColour reports whether standard output gets colours: it follows
// https://no-color.org and the older CLICOLOR_FORCE.
func wantsColour() bool {
	if os.Getenv("NO_COLOR") != "" {
		return false
	}
	return os.Getenv("CLICOLOR_FORCE") != "" || term.IsTerminal(int(os.Stdout.Fd()))
}
