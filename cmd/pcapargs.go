package cmd

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/qubesbeat/qubesbeat/internal/eventfile"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/packetstore"
	"github.com/qubesbeat/qubesbeat/internal/pcapfilter"
	"github.com/qubesbeat/qubesbeat/internal/safetext"
	"github.com/qubesbeat/qubesbeat/module/packets"
)

// pcapArgs say which packets are wanted.
type pcapArgs struct {
	events      []string
	communities []string
	qube        string
	from, to    string
	filter      string
}

func (a *pcapArgs) register(c *cobra.Command) {
	f := c.Flags()
	f.StringArrayVar(&a.events, "event", nil, "file with events of the beat, whose packets are wanted; - for standard input")
	f.StringArrayVar(&a.communities, "community-id", nil, "Community ID of a flow (network.community_id)")
	f.StringVar(&a.qube, "qube", "", "packets of this qube only")
	f.StringVar(&a.from, "from", "", "first time, such as 22:40, '2026-11-27 22:40' (UTC), RFC 3339, or 90m ago as 90m")
	f.StringVar(&a.to, "to", "", "last time")
	f.StringVar(&a.filter, "filter", "", "packets that this filter of tcpdump accepts")
}

// find finds what is wanted and calls do with it.
func (a *pcapArgs) find(c *cobra.Command, s *pcapStore, do func(*packetstore.Reader, *pcapFound) error) error {
	f := &pcapFound{wanted: &packets.Wanted{}}
	if err := a.query(c, f, time.Now()); err != nil {
		return withExit(ExitCode(err), printError(c, err))
	}
	return s.with(c, func(r *packetstore.Reader) error {
		if st, err := r.Status(); err == nil && st.Running {
			if err := s.seal(c.Context(), f.wanted.Qube); err != nil {
				fmt.Fprintf(c.ErrOrStderr(), "qubesbeat: %s\nqubesbeat: what the beat is writing just now may be missing\n", safetext.Line(err.Error()))
			}
		}
		var err error
		if f.result, err = r.Find(c.Context(), &f.wanted.Query); err != nil {
			return err
		}
		for _, err := range f.result.Unreadable {
			fmt.Fprintf(c.ErrOrStderr(), "qubesbeat: reading without its index: %s\n", safetext.Line(err.Error()))
		}
		fmt.Fprint(c.ErrOrStderr(), f.flows())
		return do(r, f)
	})
}

// query sets what is wanted.
func (a *pcapArgs) query(c *cobra.Command, f *pcapFound, now time.Time) error {
	w := f.wanted
	if len(a.events)+len(a.communities) == 0 && a.qube == "" {
		return usageError(c, "%s: which packets is not said; give --event, --community-id or --qube", pcapName(c))
	}
	for _, path := range a.events {
		if err := readWantedEvents(c, w, path); err != nil {
			return fmt.Errorf("%s: %w", pcapName(c), err)
		}
	}
	w.CommunityIDs = append(w.CommunityIDs, a.communities...)
	if a.qube != "" {
		w.Qube = a.qube
	}
	for _, one := range []struct {
		flag, text string
		at         *time.Time
	}{{"from", a.from, &w.From}, {"to", a.to, &w.To}} {
		if one.text == "" {
			continue
		}
		at, err := parsePacketTime(one.text, now)
		if err != nil {
			return usageError(c, "%s: --%s: %w", pcapName(c), one.flag, err)
		}
		*one.at, f.filter = at, true
	}
	if !w.From.IsZero() && !w.To.IsZero() && w.To.Before(w.From) {
		return usageError(c, "%s: --to is before --from", pcapName(c))
	}
	if a.filter == "" {
		return nil
	}
	match, err := pcapfilter.Matcher(a.filter)
	if err != nil {
		return usageError(c, "%s: --filter: %w", pcapName(c), err)
	}
	f.filter = true
	w.Match = func(link uint16, frame []byte) bool { return match(packet.Link(link), frame) }
	return nil
}

// readWantedEvents reads the events of a file.
func readWantedEvents(c *cobra.Command, w *packets.Wanted, path string) error {
	in, err := eventfile.Open(path, c.InOrStdin())
	if err != nil {
		return fmt.Errorf("reading events: %w", err)
	}
	return errors.Join(w.Read(in, in.Name), in.Close())
}

// parsePacketTime reads a time of UTC: a date with a time, a time of the last 24 hours, or how
// long ago it was.
func parsePacketTime(text string, now time.Time) (time.Time, error) {
	for _, form := range []string{time.RFC3339Nano, "2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02T15:04:05", time.DateOnly} {
		if t, err := time.ParseInLocation(form, text, time.UTC); err == nil {
			return t, nil
		}
	}
	now = now.UTC()
	for _, form := range []string{"15:04:05", "15:04"} {
		if t, err := time.Parse(form, text); err == nil {
			t = time.Date(now.Year(), now.Month(), now.Day(), t.Hour(), t.Minute(), t.Second(), 0, time.UTC)
			if t.After(now) {
				t = t.AddDate(0, 0, -1)
			}
			return t, nil
		}
	}
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	return time.Time{}, fmt.Errorf("%q is no time such as 22:40, '2026-11-27 22:40' (UTC), 2026-11-27T22:40:00+01:00, or 90m for 90 minutes ago", text)
}
