package cmd

import (
	"fmt"
	"io"
	"net/netip"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/qubesbeat/qubesbeat/internal/qube"
	"github.com/qubesbeat/qubesbeat/internal/safetext"
)

// setStreams has a command and those below it write to a terminal through writers that
// let no control character pass, whatever the text is made of.
func setStreams(c *cobra.Command, stdout, stderr io.Writer) {
	c.SetOut(safetext.NewWriter(stdout))
	c.SetErr(safetext.NewWriter(stderr))
}

// printError prints err to standard error in the form of all our errors, nothing if
// err is nil, and returns it. Commands that use it are silenced by quiet, so that cobra
// does not print the error a second time.
func printError(c *cobra.Command, err error) error {
	if err != nil {
		fmt.Fprintf(c.ErrOrStderr(), "qubesbeat: %s\n", safetext.Block(err.Error()))
	}
	return err
}

// quiet keeps cobra from printing errors and the usage, for commands that print their
// errors with printError. Those about the command line, which cobra finds itself, are
// printed in the same form and point to the help.
func quiet(c *cobra.Command) *cobra.Command {
	c.SilenceUsage, c.SilenceErrors = true, true
	usage := func(c *cobra.Command, err error) error {
		if err != nil {
			err = fmt.Errorf("%w; see %s --help", err, c.CommandPath())
		}
		return printError(c, err)
	}
	c.SetFlagErrorFunc(usage)
	if check := c.Args; check != nil {
		c.Args = func(c *cobra.Command, args []string) error { return usage(c, check(c, args)) }
	}
	return c
}

// group makes c a command that only groups others: without one of them it prints its
// help, and an unknown one is an error.
func group(c *cobra.Command) *cobra.Command {
	c.Args = cobra.NoArgs
	c.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
	return quiet(c)
}

// newTable returns a writer that aligns columns separated by tabs. It must be flushed.
func newTable(w io.Writer) *tabwriter.Writer {
	return tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
}

// dash returns the text of a cell on one line, "-" if it would be empty.
func dash(s string) string {
	if s == "" {
		return "-"
	}
	return safetext.Line(s)
}

// addrCell returns an address as the text of a cell.
func addrCell(a netip.Addr) string {
	if !a.IsValid() {
		return "-"
	}
	return a.String()
}

// vifCell returns the interface of a qube as the text of a cell, "-" if it is not
// running.
func vifCell(q *qube.Qube) string {
	if q.XID < 0 {
		return "-"
	}
	return fmt.Sprintf("vif%d.0", q.XID)
}
