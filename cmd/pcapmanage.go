package cmd

import (
	"errors"
	"fmt"
	"net/url"

	"github.com/spf13/cobra"

	"github.com/qubesbeat/qubesbeat/internal/control"
	"github.com/qubesbeat/qubesbeat/internal/packetstore"
	"github.com/qubesbeat/qubesbeat/internal/report"
	"github.com/qubesbeat/qubesbeat/internal/safetext"
)

// pcapSeal returns `pcap seal`.
func pcapSeal(s *pcapStore) *cobra.Command {
	return &cobra.Command{
		Use: "seal [QUBE]", Args: cobra.MaximumNArgs(1), Short: "Have the beat complete the files that it is writing",
		RunE: func(c *cobra.Command, args []string) error {
			err := s.seal(c.Context(), append(args, "")[0])
			if err != nil {
				return printError(c, fmt.Errorf("%s: %w", pcapName(c), err))
			}
			if len(args) == 0 {
				return nil
			}
			return s.with(c, func(r *packetstore.Reader) error {
				st, err := r.Status()
				if err == nil && storedOf(st, args[0]) == nil {
					err = unknownQube(st, args[0])
				}
				return err
			})
		},
	}
}

// pcapForget returns `pcap forget`.
func pcapForget(s *pcapStore) *cobra.Command {
	yes := false
	c := &cobra.Command{
		Use: "forget QUBE", Args: cobra.ExactArgs(1), Short: "Remove all packets of a qube",
		Long: "Shows what would be removed, and removes it with --yes. What the qube sends afterwards is stored, unless it is\n" +
			"excluded. Copies in kept/ stay. The chain has a line of each file.",
		RunE: func(c *cobra.Command, args []string) error {
			return s.with(c, func(r *packetstore.Reader) error { return s.forget(c, r, args[0], yes) })
		},
	}
	c.Flags().BoolVar(&yes, "yes", false, "remove it")
	return c
}

// storedOf returns what is stored of a qube, nil if nothing is.
func storedOf(st *packetstore.Status, qube string) *packetstore.QubeStatus {
	for i := range st.Qubes {
		if st.Qubes[i].Qube == qube {
			return &st.Qubes[i]
		}
	}
	return nil
}

// unknownQube is the error for a qube of which nothing is stored.
func unknownQube(st *packetstore.Status, qube string) error {
	text := fmt.Sprintf("nothing is stored of %s; `qubesbeat pcap status` lists the qubes", safetext.Line(qube))
	return errors.New(text + vifHint(st, qube))
}

// vifHint says how the packets of an interface are named whose qube was not known, "" if that
// is not what was meant.
func vifHint(st *packetstore.Status, qube string) string {
	if storedOf(st, "_"+qube) == nil {
		return ""
	}
	return fmt.Sprintf("; packets of an interface whose qube was not known have its name behind an underscore: _%s", safetext.Line(qube))
}

func (s *pcapStore) forget(c *cobra.Command, r *packetstore.Reader, qube string, yes bool) error {
	st, err := r.Status()
	if err != nil {
		return err
	}
	have := storedOf(st, qube)
	if have == nil {
		return unknownQube(st, qube)
	}
	out := c.OutOrStdout()
	if !yes {
		_, err := fmt.Fprintf(out, "would remove %s of %s, %s; add --yes to do so\n",
			report.Counted(uint64(have.Segments+have.Open), "file"), safetext.Line(qube), report.Size(uint64(have.Bytes)))
		return err
	}
	n := 0
	if st.Running {
		var answer control.Forgotten
		err = s.call(c.Context(), "/packets/forget", url.Values{"qube": {qube}}, &answer)
		n = answer.Segments
	} else {
		n, err = r.Forget(qube, "pcap forget")
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "removed %s of %s\n", report.Counted(uint64(n), "file"), safetext.Line(qube))
	return err
}
