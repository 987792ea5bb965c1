package cmd

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/qubesbeat/qubesbeat/config"
	"github.com/qubesbeat/qubesbeat/internal/packetstore"
	"github.com/qubesbeat/qubesbeat/internal/report"
)

// pcapStatus returns `pcap status`.
func pcapStatus(s *pcapStore) *cobra.Command {
	return &cobra.Command{
		Use: "status", Args: cobra.NoArgs, Short: "Show what is stored of each qube",
		Long: "Shows what is on the disk. Packets, cut and lost are those of complete files; stats.packets in the events\n" +
			"has the counters of the running beat.",
		RunE: func(c *cobra.Command, _ []string) error {
			return s.with(c, func(r *packetstore.Reader) error {
				st, err := r.Status()
				if err != nil {
					return err
				}
				settings := s.settings()
				return showPackets(c.OutOrStdout(), st, &settings, time.Now())
			})
		},
	}
}

func showPackets(w io.Writer, st *packetstore.Status, settings *config.Packets, now time.Time) error {
	state, most := "no beat stores packets here", ""
	if st.Running {
		state = "running"
	}
	if settings.MaxBytes > 0 {
		most = fmt.Sprintf(" of %s", report.Size(uint64(settings.MaxBytes)))
	}
	first := time.Time{}
	var lost, cut uint64
	for i := range st.Qubes {
		q := &st.Qubes[i]
		lost, cut = lost+q.Lost, cut+q.Cut
		if first.IsZero() || !q.First.IsZero() && q.First.Before(first) {
			first = q.First
		}
	}
	fmt.Fprintf(w, "%s: %s%s, %s free", state, report.Size(uint64(st.Bytes)), most, report.Size(uint64(st.Free)))
	if !first.IsZero() {
		fmt.Fprintf(w, ", back to %s (%.0f h)", stamp(first), now.Sub(first).Hours())
	}
	fmt.Fprintln(w)
	if len(st.Qubes) > 0 {
		t := newTable(w)
		fmt.Fprintln(t, "QUBE\tSIZE\tFILES\tBACK TO\tUNTIL\tPACKETS\tCUT\tLOST")
		for i := range st.Qubes {
			q := &st.Qubes[i]
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", dash(qubeText(q.Qube)), report.Size(uint64(q.Bytes)), filesCell(q),
				timeCell(q.First), timeCell(q.Last), report.Count(q.Packets), report.Count(q.Cut), report.Count(q.Lost))
		}
		if err := t.Flush(); err != nil {
			return err
		}
	}
	if st.Kept > 0 {
		fmt.Fprintf(w, "kept: %s of %s\n", report.Size(uint64(st.Kept)), report.Size(uint64(settings.KeptMaxBytes)))
	}
	if lost+cut > 0 {
		fmt.Fprintf(w, "%s cut, %s lost: stats.packets says why\n", report.Counted(cut, "packet"), report.Count(lost))
	}
	return nil
}

// filesCell returns how many segments a qube has.
func filesCell(q *packetstore.QubeStatus) string {
	text := fmt.Sprint(q.Segments)
	if q.Open > 0 {
		text += fmt.Sprintf("+%d open", q.Open)
	}
	if q.Damaged > 0 {
		text += fmt.Sprintf(", %d damaged", q.Damaged)
	}
	return text
}

func timeCell(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return stamp(t)
}
