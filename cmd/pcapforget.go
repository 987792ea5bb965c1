package cmd

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/qubesbeat/qubesbeat/internal/control"
	"github.com/qubesbeat/qubesbeat/internal/packetstore"
	"github.com/qubesbeat/qubesbeat/internal/report"
	"github.com/qubesbeat/qubesbeat/internal/safetext"
)

// pcapForget returns `pcap forget`.
func pcapForget(s *pcapStore) *cobra.Command {
	yes, kept := false, false
	c := &cobra.Command{
		Use: "forget QUBE", Args: cobra.ExactArgs(1), Short: "Remove all packets of a qube",
		Long: "Shows what would be removed, and removes it with --yes. What the qube sends afterwards is stored, unless it is\n" +
			"excluded. Copies in kept/ stay, unless --kept is given: then each file there that has packets of the qube is\n" +
			"removed as a whole, with what it has of others, which is shown before. The chain has a line of each file.",
		Example:           "  qubesbeat pcap forget disp1234 --yes\n  qubesbeat pcap forget work --kept",
		ValidArgsFunction: s.completeQube,
		RunE: func(c *cobra.Command, args []string) error {
			return s.with(c, func(r *packetstore.Reader) error {
				f, err := forgetting(c.Context(), r, args[0], kept)
				switch {
				case err != nil:
					return err
				case !yes:
					return f.plan(c)
				}
				return f.do(c, s, r)
			})
		},
	}
	c.Flags().BoolVar(&yes, "yes", false, "remove it")
	c.Flags().BoolVar(&kept, "kept", false, "remove the copies in kept/, too")
	return c
}

// forgotten is what is to be removed of a qube.
type forgotten struct {
	qube    string
	running bool // a beat stores packets
	stored  packetstore.QubeStatus
	kept    []packetstore.KeptFile
}

// forgetting returns what there is of a qube, which is an error if that is nothing.
func forgetting(ctx context.Context, r *packetstore.Reader, qube string, kept bool) (*forgotten, error) {
	st, err := r.Status()
	if err != nil {
		return nil, err
	}
	f := &forgotten{qube: qube, running: st.Running}
	have := storedOf(st, qube)
	if have != nil {
		f.stored = *have
	}
	if kept {
		if f.kept, err = r.KeptOf(ctx, qube); err != nil {
			return nil, err
		}
	}
	switch {
	case have != nil || len(f.kept) > 0:
		return f, nil
	case kept:
		return nil, unknownQube(st, qube, "stored or kept")
	}
	return nil, unknownQube(st, qube, "stored")
}

// plan says what would be removed.
func (f *forgotten) plan(c *cobra.Command) error {
	out := c.OutOrStdout()
	text := fmt.Sprintf("would remove %s of %s, %s", report.Counted(uint64(f.stored.Segments+f.stored.Open), "file"), safetext.Line(f.qube), report.Size(uint64(f.stored.Bytes)))
	if n := len(f.kept); n > 0 {
		var bytes int64
		for i := range f.kept {
			bytes += f.kept[i].Bytes
		}
		text += fmt.Sprintf(", and %s in kept/, %s", report.Counted(uint64(n), "file"), report.Size(uint64(bytes)))
	}
	if _, err := fmt.Fprintf(out, "%s; add --yes to do so\n", text); err != nil {
		return err
	}
	for i := range f.kept {
		k := &f.kept[i]
		others := slices.DeleteFunc(slices.Clone(k.Qubes), func(q string) bool { return q == f.qube })
		if len(others) == 0 {
			continue
		}
		if _, err := fmt.Fprintf(out, "%s has packets of %s, too\n", safetext.Line(k.Name), safetext.Line(strings.Join(others, ", "))); err != nil {
			return err
		}
	}
	return nil
}

// do removes it.
func (f *forgotten) do(c *cobra.Command, s *pcapStore, r *packetstore.Reader) (err error) {
	n := 0
	switch {
	case f.stored.Qube == "": // of the qube there is what is kept
	case f.running:
		var answer control.Forgotten
		err = s.callWithin(c.Context(), forgetWait, "/packets/forget", url.Values{"qube": {f.qube}}, &answer)
		n = answer.Segments
	default:
		n, err = r.Forget(f.qube, pcapName(c))
	}
	if err != nil {
		return err
	}
	text := fmt.Sprintf("removed %s of %s", report.Counted(uint64(n), "file"), safetext.Line(f.qube))
	for i := range f.kept {
		if err := r.ForgetKept(&f.kept[i], pcapName(c)+" --kept"); err != nil {
			return err
		}
	}
	if n := len(f.kept); n > 0 {
		text += fmt.Sprintf(", and %s in kept/", report.Counted(uint64(n), "file"))
	}
	_, err = fmt.Fprintln(c.OutOrStdout(), text)
	return err
}
