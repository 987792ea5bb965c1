package cmd

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/qubesbeat/qubesbeat/internal/control"
	"github.com/qubesbeat/qubesbeat/internal/safetext"
	judge "github.com/qubesbeat/qubesbeat/internal/verify"
	verifymodule "github.com/qubesbeat/qubesbeat/module/verify"
)

// verifier is the verifier that the commands ask: that of the running beat, or one that
// reads a capture.
type verifier struct {
	root   string // of the configuration
	socket string
	file   string // "" for the running beat
}

// errLeak is the error of verdicts with a fail, and errDoubt that of verdicts without one if
// something is not known. The verdicts say the rest.
var (
	errLeak  = errors.New("a check has failed")
	errDoubt = errors.New("no check has failed, and not all of them are known")
)

// verifyCommand returns the commands about verdicts.
func verifyCommand(root string) *cobra.Command {
	v := &verifier{root: root}
	var show verdictView
	parent := usageExit(&cobra.Command{
		Use:   "verify",
		Short: "Show whether the qubes go where they are expected to, and reach each other",
		Long: "Shows the verdicts of the running beat (verify.enabled), or of a capture file with -I. The exit status is 0 if all\n" +
			"checks pass, 1 if one fails, 2 for a mistake on the command line, and 3 if none fails and something is unknown,\n" +
			"stale or not tested, or there are no verdicts: the beat does not answer, or a file cannot be read.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return v.show(c, &show) },
	})
	v.flags(parent)
	parent.Flags().StringVarP(&v.file, "file", "I", "", "read this capture `file` instead of asking the running beat")
	parent.Flags().BoolVar(&show.json, "json", false, "print JSON")
	parent.Flags().BoolVar(&show.all, "all", false, "print a line for each check, with those that have seen nothing")
	parent.Flags().BoolVar(&show.watch, "watch", false, "print again when a verdict changes, until interrupted")
	parent.Flags().StringVar(&show.qube, "qube", "", "only the verdicts on this qube")
	parent.AddCommand(verifyExplain(), verifyAck(v), verifyLearn(v), verifyPlan(v), verifyClaim(v), verifyReceive(v))
	return parent
}

// flags adds the flag of the socket.
func (v *verifier) flags(c *cobra.Command) {
	c.PersistentFlags().StringVar(&v.socket, "socket", "", "socket of the beat: path.data/verify.sock")
}

// client returns a client of the running beat.
func (v *verifier) client() *control.Client {
	if v.socket == "" {
		v.socket = verifymodule.SocketPath(beatData())
	}
	return control.NewClient(v.socket)
}

// beatData returns the folder of the beat's data: the packaged one, if it is there.
func beatData() string {
	line := parseLine(os.Args[1:])
	if line.data != "" || line.home != "" {
		return cmp.Or(line.data, filepath.Join(line.home, "data"))
	}
	const packaged = "/var/lib/qubesbeat"
	if _, err := os.Stat(packaged); err != nil {
		return "data"
	}
	return packaged
}

// view returns the verdicts; of a file that is damaged, with an error, those on what comes before.
func (v *verifier) view(ctx context.Context) (*judge.View, error) {
	if v.file != "" {
		return v.readFile(ctx)
	}
	var w judge.View
	if err := v.client().Get(ctx, "/verify", nil, &w); err != nil {
		return nil, err
	}
	return &w, nil
}

// show prints the verdicts.
func (v *verifier) show(c *cobra.Command, how *verdictView) error {
	w, fault := v.view(c.Context())
	if w == nil {
		return noVerdict(c, fault)
	}
	how.colour = !how.json && wantsColour()
	if err := how.write(c.OutOrStdout(), w); err != nil {
		return err
	}
	switch {
	case fault != nil:
		return cmp.Or(how.exit(w), noVerdict(c, fault))
	case how.watch && v.file == "":
		return v.watch(c, how, w)
	case how.qube != "" && len(how.chosen(w)) == 0:
		return noVerdict(c, fmt.Errorf("no verdict is about %s; `qubesbeat status` lists the qubes of which there are some", line(how.qube)))
	}
	return how.exit(w)
}

// noVerdict prints the error because of which there are no verdicts, or not all: for scripts that is a
// doubt, and no fail.
func noVerdict(c *cobra.Command, err error) error { return withExit(exitSome, printError(c, err)) }

// watchEvery is the time between two looks of --watch.
const watchEvery = time.Second

// watch prints the verdicts that have changed, until the command is interrupted.
func (v *verifier) watch(c *cobra.Command, how *verdictView, before *judge.View) error {
	for {
		select {
		case <-c.Context().Done():
			return nil
		case <-time.After(watchEvery):
		}
		now, err := v.view(c.Context())
		if err != nil {
			return noVerdict(c, err)
		}
		if changes := how.changes(before, now); len(changes.Verdicts) > 0 {
			if err := how.write(c.OutOrStdout(), changes); err != nil {
				return err
			}
		}
		before = now
	}
}

// verifyExplain says what a check is worth.
func verifyExplain() *cobra.Command {
	return usageExit(&cobra.Command{
		Use: "explain [CHECK]", Short: "Say what a check proves, what it cannot, and how to repair a fail", Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return listChecks(c.OutOrStdout())
			}
			check, ok := judge.CheckByID(args[0])
			if !ok {
				return printError(c, usageError(c, "there is no check %q", args[0]))
			}
			return explain(c.OutOrStdout(), check)
		},
	})
}

func listChecks(w io.Writer) error {
	t := newTable(w)
	for i := range judge.Checks {
		c := judge.Check(i)
		fmt.Fprintf(t, "%v\t%s\n", c, c.Name())
	}
	return t.Flush()
}

func explain(w io.Writer, c judge.Check) error {
	e := c.Explain()
	fmt.Fprintf(w, "%v: %s\n\nA pass says: %s\n", c, c.Name(), e.Proves)
	if e.Cannot != "" {
		fmt.Fprintf(w, "\nIt does not say, or fails without a leak: %s\n", e.Cannot)
	}
	if e.Repair != "" {
		fmt.Fprintf(w, "\nTo repair (nothing of this is done for you): %s\n", e.Repair)
	}
	return nil
}

// verifyAck ends fails that the user knows of.
func verifyAck(v *verifier) *cobra.Command {
	qube := ""
	c := usageExit(&cobra.Command{
		Use: "ack CHECK", Short: "End the fails of a check until the next packet against it", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			var done control.Acknowledged
			if err := v.client().Post(c.Context(), "/verify/ack", url.Values{"check": args, "subject": {qube}}, &done); err != nil {
				return printError(c, err)
			}
			_, err := fmt.Fprintf(c.OutOrStdout(), "%d acknowledged\n", done.Fails)
			return err
		},
	})
	c.Flags().StringVar(&qube, "qube", "", "only those of this qube")
	return c
}

// printJSON prints a value as JSON with indentation.
func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// line makes text of others harmless for the terminal.
func line(s string) string { return safetext.Line(s) }
