package cmd

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	judge "github.com/qubesbeat/qubesbeat/internal/verify"
)

// verifyLearn prints expectations from what was seen.
func verifyLearn(v *verifier) *cobra.Command {
	c := usageExit(&cobra.Command{
		Use: "learn", Short: "Print expectations for the configuration, from what was seen so far", Args: cobra.NoArgs,
		Long: "A proposal only: it says what the qubes do, which may be a leak. Read it, correct it, and put it into the\n" +
			"configuration; nothing is believed by itself.",
		RunE: func(c *cobra.Command, _ []string) error {
			w, err := v.view(c.Context())
			if err != nil {
				return printError(c, err)
			}
			return learn(c.OutOrStdout(), w)
		},
	})
	c.Flags().StringVarP(&v.file, "file", "I", "", "read this capture `file` instead of asking the running beat")
	return c
}

// learn writes the proposal as YAML.
func learn(w io.Writer, v *judge.View) error {
	fmt.Fprintln(w, "# What was seen, and not what should be: read and correct it.")
	fmt.Fprintln(w, "qubesbeat:\n  verify:\n    enabled: true\n    expect:")
	n := 0
	for i := range v.Qubes {
		if text := proposal(&v.Qubes[i]); text != "" {
			fmt.Fprintln(w, "      - "+text)
			n++
		}
	}
	if n == 0 {
		fmt.Fprintln(w, "      [] # no qube was seen of which nothing is expected")
	}
	return nil
}

// proposal returns what to expect of a qube, "" if it has no name.
func proposal(q *judge.QubeView) string {
	expected := q.Exit != "" && (q.Exit != "vpn" || len(q.Endpoints) > 0)
	if q.NetVM == "" && q.Label == "" || expected {
		return ""
	}
	name := line(q.Name)
	switch t := q.Looks; {
	case t == nil:
		return fmt.Sprintf("{qubes: [%s], exit: clear} # %s", name, seenAt(q))
	case t.Protocol == "tor":
		return fmt.Sprintf("{qubes: [%s], exit: tor} # looks like Tor: %s", name, line(strings.Join(t.Endpoints, ", ")))
	default:
		return fmt.Sprintf("{qubes: [%s], exit: vpn, protocol: %s, endpoints: [%s]}", name, t.Protocol, quoted(t.Endpoints))
	}
}

// seenAt says where a qube has been.
func seenAt(q *judge.QubeView) string {
	if q.Peers > 1 {
		return fmt.Sprintf("%d destinations, the last %s", q.Peers, line(q.Last))
	}
	return "the last destination was " + line(q.Last)
}

// quoted returns texts as a list of YAML.
func quoted(texts []string) string {
	list := make([]string, len(texts))
	for i, t := range texts {
		list[i] = strconv.Quote(t)
	}
	return strings.Join(list, ", ")
}
