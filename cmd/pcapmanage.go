package cmd

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/qubesbeat/qubesbeat/internal/packetstore"
	"github.com/qubesbeat/qubesbeat/internal/safetext"
)

// pcapSeal returns `pcap seal`.
func pcapSeal(s *pcapStore) *cobra.Command {
	return &cobra.Command{
		Use: "seal [QUBE]", Args: cobra.MaximumNArgs(1), Short: "Have the beat complete the files that it is writing",
		ValidArgsFunction: s.completeQube,
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
					err = unknownQube(st, args[0], "stored")
				}
				return err
			})
		},
	}
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

// unknownQube is the error for a qube of which nothing is stored, or whatever was looked for.
func unknownQube(st *packetstore.Status, qube, stored string) error {
	text := fmt.Sprintf("nothing is %s of %s; `qubesbeat pcap status` lists the qubes", stored, safetext.Line(qube))
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
