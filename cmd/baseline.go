package cmd

import (
	"errors"
	"fmt"
	"io"
	"net/url"

	"github.com/spf13/cobra"

	"github.com/qubesbeat/qubesbeat/internal/control"
	"github.com/qubesbeat/qubesbeat/internal/safetext"
)

// baselineCommand returns the command that shows what qubes usually do.
func baselineCommand() *cobra.Command {
	var s detectSocket
	parent := &cobra.Command{
		Use: "baseline [QUBE]", Short: "Show what the running beat knows of the usual behaviour of qubes", Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			v := url.Values{}
			if len(args) > 0 {
				v.Set("qube", args[0])
			}
			var list []control.Profile
			if err := s.get(c.Context(), "/baseline", v, &list); err != nil {
				return printError(c, err)
			}
			return showBaseline(c.OutOrStdout(), list)
		},
	}
	s.flag(parent)
	all := false
	forget := &cobra.Command{Use: "forget QUBE", Args: cobra.MaximumNArgs(1), Short: "Forget the usual behaviour of a qube, or of all with --all",
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 != all {
				return printError(c, errors.New("name a qube, or use --all for all of them"))
			}
			v := url.Values{}
			if len(args) > 0 {
				v.Set("qube", args[0])
			}
			var n control.ForgottenBaselines
			if err := s.post(c.Context(), "/baseline/forget", v, &n); err != nil {
				return printError(c, err)
			}
			_, err := fmt.Fprintf(c.OutOrStdout(), "forgotten: %d\n", n.Qubes)
			return err
		}}
	parent.AddCommand(baselineExport(), baselineImport())
	forget.Flags().BoolVar(&all, "all", false, "forget all")
	parent.AddCommand(forget, &cobra.Command{Use: "check QUBE DOMAIN|ADDRESS", Args: cobra.ExactArgs(2), Short: "Show whether a destination is usual for a qube",
		RunE: func(c *cobra.Command, args []string) error {
			var u control.Use
			if err := s.get(c.Context(), "/baseline/check", url.Values{"qube": {args[0]}, "destination": {args[1]}}, &u); err != nil {
				return printError(c, err)
			}
			return showUse(c.OutOrStdout(), &u)
		}})
	return parent
}

func showBaseline(w io.Writer, list []control.Profile) error {
	if len(list) == 0 {
		_, err := fmt.Fprintln(w, "nothing is known yet")
		return err
	}
	t := newTable(safetext.NewWriter(w))
	fmt.Fprintln(t, "QUBE\tSTATE\tDAYS\tUSES\tDESTINATIONS\tPORTS\tTLS CLIENTS\tNEW\tSINCE")
	for _, p := range list {
		state := "learning"
		if p.Learned {
			state = "learned"
		}
		fmt.Fprintf(t, "%s\t%s\t%d\t%d\t%d\t%d\t%d\t%.1f %%\t%s\n", safetext.Cell(p.Qube), state, p.Days, p.Observations, p.Destinations, p.Ports, p.Clients, 100*p.New, stamp(p.First))
	}
	return t.Flush()
}

func showUse(w io.Writer, u *control.Use) error {
	state := "not usual yet"
	switch {
	case !u.Used:
		_, err := fmt.Fprintln(w, "never used")
		return err
	case u.Held:
		state = "part of a finding, not learned"
	case u.Known:
		state = "usual"
	}
	_, err := fmt.Fprintf(w, "%s: used in %d spans of ten minutes, first %s, last %s\n", state, u.Uses, stamp(u.First), stamp(u.Last))
	return err
}
