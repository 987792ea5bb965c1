package cmd

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/qubesbeat/qubesbeat/internal/control"
	"github.com/qubesbeat/qubesbeat/internal/report"
	"github.com/qubesbeat/qubesbeat/internal/safetext"
	"github.com/qubesbeat/qubesbeat/module/packets"
)

// pcapWatch returns `pcap watch`.
func pcapWatch(s *pcapStore) *cobra.Command {
	span, event := time.Hour, ""
	c := &cobra.Command{
		Use: "watch {ADDRESS | QUBE | COMMUNITY-ID | --event FILE}", Args: cobra.MaximumNArgs(1),
		Short: "Store the flows of an address or a qube whole for a time, and keep them longer",
		Long: "Lifts flow_limit for the packets of an address, a qube or a flow. The qubes that have such packets are the last to\n" +
			"lose some for want of room; max_age and quotas hold for them, too. --for 0 ends it, and so does a restart of the beat.\n" +
			"`qubesbeat pcap status` lists what is watched.",
		Example:           "  qubesbeat pcap watch 198.51.100.7 --for 1h\n  qubesbeat pcap watch work --for 30m",
		ValidArgsFunction: s.completeQube,
		RunE: func(c *cobra.Command, args []string) error {
			what, err := watchTarget(c, args, event, span)
			if err != nil {
				return withExit(ExitCode(err), printError(c, err))
			}
			var all []control.PacketWatch
			if err := s.request(c.Context(), "/packets/watch", url.Values{"what": {what}, "for": {span.String()}}, &all); err != nil {
				return printError(c, fmt.Errorf("%s: %w", pcapName(c), err))
			}
			return showWatches(c.OutOrStdout(), all)
		},
	}
	c.Flags().DurationVar(&span, "for", span, "for how long; 0 ends the watch")
	c.Flags().StringVar(&event, "event", "", "file with an event, whose flow is watched; - for standard input")
	return c
}

// watchTarget returns what is to be watched.
func watchTarget(c *cobra.Command, args []string, event string, span time.Duration) (string, error) {
	switch {
	case span < 0:
		return "", usageError(c, "%s: --for %v is negative; 0 ends the watch", pcapName(c), span)
	case len(args) == 1 && event == "":
		return args[0], nil
	case len(args) > 0 || event == "":
		return "", usageError(c, "%s: give an address, a qube, a Community ID, or an event", pcapName(c))
	}
	w := &packets.Wanted{}
	if err := readWantedEvents(c, w, event); err != nil {
		return "", fmt.Errorf("%s: %w", pcapName(c), err)
	}
	if err := w.Usable(); err != nil {
		return "", fmt.Errorf("%s: %w", pcapName(c), err)
	}
	if len(w.Events) != 1 || w.Events[0].CommunityID == "" {
		return "", fmt.Errorf("%s: %s has to be one event with network.community_id", pcapName(c), safetext.Line(event))
	}
	return w.Events[0].CommunityID, nil
}

func showWatches(w io.Writer, all []control.PacketWatch) error {
	if len(all) == 0 {
		_, err := fmt.Fprintln(w, "nothing is watched")
		return err
	}
	for _, one := range all {
		if _, err := fmt.Fprintf(w, "watched until %s UTC: %s (%s)\n", stamp(one.Until), safetext.Line(one.What), report.Counted(one.Flows, "flow")); err != nil {
			return err
		}
	}
	return nil
}

// pcapReload returns `pcap reload`.
func pcapReload(s *pcapStore) *cobra.Command {
	return &cobra.Command{
		Use: "reload", Args: cobra.NoArgs, Short: "Reload the rules and limits of the store from the configuration",
		Long: "Replaces include, exclude, quotas, filter, flow_limit, forget_disposables, max_bytes, max_age, min_free and\n" +
			"kept_max_bytes without interrupting service; the files that are being filled are completed. A configuration that\n" +
			"is not valid changes nothing.",
		RunE: func(c *cobra.Command, _ []string) error {
			var raw json.RawMessage
			if err := s.request(c.Context(), "/packets/reload", nil, &raw); err != nil {
				return printError(c, fmt.Errorf("%s: %w", pcapName(c), err))
			}
			var done control.Reloaded
			if err := json.Unmarshal(raw, &done); err != nil {
				return printError(c, fmt.Errorf("%s: reading the answer of the beat: %w", pcapName(c), err))
			}
			if len(done.Restart) > 0 {
				fmt.Fprintf(c.ErrOrStderr(), "qubesbeat: after a restart only: %s\n", safetext.Line(strings.Join(done.Restart, ", ")))
			}
			_, err := fmt.Fprintln(c.OutOrStdout(), "reloaded")
			return err
		},
	}
}
