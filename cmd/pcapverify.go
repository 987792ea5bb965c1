package cmd

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/qubesbeat/qubesbeat/internal/packetstore"
	"github.com/qubesbeat/qubesbeat/internal/report"
)

// pcapVerify returns `pcap verify`.
func pcapVerify(s *pcapStore) *cobra.Command {
	return &cobra.Command{
		Use: "verify [BUNDLE]", Args: cobra.MaximumNArgs(1), Short: "Check whether files were changed, added or removed since they were complete",
		Long: "Checks the store, or a bundle of `pcap export`, which needs nothing else; - is standard input.\n\nReads the whole store and compares it, what is kept too, with its chain. Compare the digest that it prints with\n" +
			"stats.packets.chain in a stats event: nothing else shows that the end of the chain was cut off.",
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 1 {
				return verifyBundle(c, args[0])
			}
			return s.with(c, func(r *packetstore.Reader) error {
				v, err := r.Verify(c.Context())
				if err != nil {
					return err
				}
				return s.showVerified(c, v)
			})
		},
	}
}

// showVerified prints what was found, and returns an error if that is a problem.
func (s *pcapStore) showVerified(c *cobra.Command, v *packetstore.Verification) error {
	for _, text := range append(v.Problems, v.Notes...) {
		fmt.Fprintf(c.ErrOrStderr(), "qubesbeat: %s\n", text)
	}
	switch {
	case len(v.Problems) > 0:
		return problemsOf(v)
	case v.Lines == 0 && v.Segments == 0 && !isStore(s.folder()):
		return notStore(s.folder())
	}
	return sumVerified(c.OutOrStdout(), v)
}

// problemsOf returns the error for a store that is not whole. Only where a crash explains a problem
// does it name that.
func problemsOf(v *packetstore.Verification) error {
	n := report.Counted(uint64(len(v.Problems)), "problem")
	switch {
	case v.Crash == 0:
		return fmt.Errorf("%s, which no crash explains: somebody has changed the store, or its disk is damaged", n)
	case v.Crash >= len(v.Problems):
		return fmt.Errorf("%s, which a crash may explain: what it has left is completed by the next start of the beat, or by pcap repair", n)
	}
	return fmt.Errorf("%s; a crash may explain %d of them (pcap repair), not the others: somebody has changed the store, or its disk is damaged", n, v.Crash)
}

// sumVerified says what a store has that is whole.
func sumVerified(w io.Writer, v *packetstore.Verification) error {
	kept := ""
	if v.Kept > 0 {
		kept = report.Counted(uint64(v.Kept), "kept file") + ", "
	}
	_, err := fmt.Fprintf(w, "%s, %schain of %s: whole\nnewest: %s\n", report.Counted(uint64(v.Segments), "segment"), kept,
		report.Counted(v.Lines, "line"), dash(v.Head))
	return err
}

// isStore reports whether packets were stored in a folder.
func isStore(dir string) bool {
	return exists(filepath.Join(dir, "lock")) || exists(filepath.Join(dir, "chain.log"))
}

// notStore is the error for a folder that no packets were stored in.
func notStore(dir string) error {
	return fmt.Errorf("%s: this is no store of packets: it has no files of packets and no chain.log; give its folder with --dir", dir)
}

// pcapRepair returns `pcap repair`.
func pcapRepair(s *pcapStore) *cobra.Command {
	return &cobra.Command{
		Use: "repair", Args: cobra.NoArgs, Short: "Complete the files that a crash has left, and make indexes that are missing",
		Long: "Does what the start of the beat does, where the beat is not to run: at a copy of the folder, for example. What is not\n" +
			"as it was sealed is said, and stays a problem for `pcap verify`.",
		RunE: func(c *cobra.Command, _ []string) error {
			return s.with(c, func(r *packetstore.Reader) error {
				if st, err := r.Status(); err == nil && len(st.Qubes) == 0 && st.Locked == 0 && !isStore(s.folder()) {
					return notStore(s.folder()) // which a repair would make one
				}
				done, err := packetstore.Repair(s.folder())
				if errors.Is(err, packetstore.ErrBusy) {
					return errors.New("the beat is running, which has repaired the store when it started")
				}
				if err != nil {
					return err
				}
				return showRepaired(c, &done)
			})
		},
	}
}

// showRepaired prints what was repaired, and returns an error if some of it is not as it was sealed.
func showRepaired(c *cobra.Command, done *packetstore.Repairs) error {
	if _, err := fmt.Fprintf(c.OutOrStdout(), "%s repaired, %d damaged\n", report.Counted(uint64(done.Repaired), "segment"), done.Damaged); err != nil {
		return err
	}
	for _, text := range done.Changed {
		fmt.Fprintf(c.ErrOrStderr(), "qubesbeat: %s\n", text)
	}
	if n := len(done.Changed); n > 0 {
		return fmt.Errorf("%s not as the chain says, which no crash explains; the packets can be read, and pcap verify goes on reporting it", countedAre(n))
	}
	return nil
}

// countedAre returns how many segments are something.
func countedAre(n int) string {
	if n == 1 {
		return "1 segment is"
	}
	return fmt.Sprintf("%d segments are", n)
}
