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

// reportCommand summarizes what files of the file output say.
func reportCommand() *cobra.Command {
	f := &reportFlags{}
	c := quiet(&cobra.Command{
		Use:   "report FILE...",
		Short: "Print a table of each qube's traffic from files of events, or write an HTML report",
		Long: "Reads files that output.file has written, also compressed with gzip or zstd, and adds up their events per qube; - is\n" +
			"standard input. Without flags it prints flows, bytes and top destinations. With --html it writes one file for an\n" +
			"offline browser, without scripts: findings, timeline, qubes, network, names, refusals, verification, inventory,\n" +
			"losses, and a page for each qube. The report is a history of every qube: keep it as you keep the events.",
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if f.wantsFiles() {
				return printError(c, f.run(c, args))
			}
			if err := f.onlyTable(c); err != nil {
				return printError(c, err)
			}
			return printTable(c, args)
		},
	})
	f.add(c)
	return c
}

// printTable prints the table of the events of files.
func printTable(c *cobra.Command, files []string) error {
	var t report.Tally
	var failure error
	for _, path := range files {
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
