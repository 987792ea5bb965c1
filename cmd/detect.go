package cmd

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/qubesbeat/qubesbeat/internal/detect/evaluate"
	"github.com/qubesbeat/qubesbeat/internal/safetext"
)

// detectCommand returns the commands about the detection itself.
func detectCommand() *cobra.Command {
	parent := &cobra.Command{Use: "detect", Short: "Evaluate the detection"}
	side, findings := "", false
	eval := &cobra.Command{
		Use: "eval FILES.tsv", Args: cobra.ExactArgs(1), Short: "Run the detection over labelled captures and logs",
		Long: "Runs the detection over the files of a table and prints what it finds of what it should, and what it should not have\n" +
			"found. The table has tabs and a header with the columns side, class (mal, benign or mixed), label, expect (ids of rules)\n" +
			"and file; paths are relative to it. Captures, logs of Zeek (conn, dns, ssl), and lists of names or of\n" +
			"packets (.csv with time_since_last and src_ip, 0 for the client) are read. Benign files are run twice, the\n" +
			"second time with their first half as the past. Rules that say nothing of a qube without a past are given one of\n" +
			"each benign file: its first half on eight days.",
		RunE: func(c *cobra.Command, args []string) error {
			if err := evaluateFiles(c, args[0], side, findings); err != nil {
				return printError(c, err)
			}
			return nil
		},
	}
	eval.Flags().StringVar(&side, "side", "", "the part of the set to run; all by default")
	eval.Flags().BoolVar(&findings, "findings", false, "also print each finding")
	parent.AddCommand(eval)
	return parent
}

// evaluateFiles runs the files of a table.
func evaluateFiles(c *cobra.Command, path, side string, findings bool) error {
	files, err := evaluate.ReadSet(path)
	if err != nil {
		return err
	}
	kept := files[:0]
	for _, f := range files {
		if side == "" || f.Side == side {
			kept = append(kept, f)
		}
	}
	if len(kept) == 0 {
		return fmt.Errorf("%s has no files of the side %q", path, side)
	}
	t := evaluate.Evaluate(evaluate.Cases(kept))
	w := safetext.NewWriter(c.OutOrStdout())
	for _, r := range t.Results {
		if !findings {
			break
		}
		for i := range r.Findings {
			f := &r.Findings[i]
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", r.Path, f.Rule, f.Way, f.Level, f.Reason)
		}
	}
	return errors.Join(append(t.Faults, t.Write(w))...)
}
