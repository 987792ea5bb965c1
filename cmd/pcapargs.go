package cmd

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
	around      time.Duration
}

func (a *pcapArgs) register(c *cobra.Command, s *pcapStore) {
	a.registerRange(c, s)
	f := c.Flags()
	f.StringArrayVar(&a.communities, "community-id", nil, "Community ID of a flow (network.community_id)")
	f.StringVar(&a.filter, "filter", "", "packets that this filter of tcpdump accepts")
}

// registerRange adds the flags that say which qube and time is meant.
func (a *pcapArgs) registerRange(c *cobra.Command, s *pcapStore) {
	f := c.Flags()
	f.StringArrayVar(&a.events, "event", nil, "file with events of the beat, whose packets are wanted; - for standard input")
	f.StringVar(&a.qube, "qube", "", "packets of this qube only")
	_ = c.RegisterFlagCompletionFunc("qube", s.completeFlag) // fails without the flag only
	f.StringVar(&a.from, "from", "", "first time, such as 22:40, '2026-11-27 22:40' (UTC), RFC 3339, or 90m ago as 90m")
	f.StringVar(&a.to, "to", "", "last time; of a date, the end of the day")
	f.DurationVar(&a.around, "around", 0, "with --event: all packets of its qube so long before and after it, such as 5m")
}

// find finds what is wanted and calls do with it.
func (a *pcapArgs) find(c *cobra.Command, s *pcapStore, do func(*packetstore.Reader, *pcapFound) error) error {
	f := &pcapFound{wanted: &packets.Wanted{}, around: a.around, store: s.folder()}
	if err := a.query(c, f, time.Now()); err != nil {
		return withExit(ExitCode(err), printError(c, err))
	}
	return s.with(c, func(r *packetstore.Reader) error {
		if st, err := r.Status(); err == nil && st.Running {
			if err := s.seal(c.Context(), f.wanted.Qube); err != nil {
				fmt.Fprintf(c.ErrOrStderr(), "qubesbeat: %s\nqubesbeat: what the beat is writing just now may be missing\n", safetext.Line(err.Error()))
			}
		}
		s.note(c, r, a.what(f))
		if err := f.search(c.Context(), r); err != nil {
			return err
		}
		for _, err := range f.result.Unreadable {
			fmt.Fprintf(c.ErrOrStderr(), "qubesbeat: reading without its index: %s\n", safetext.Line(err.Error()))
		}
		fmt.Fprint(c.ErrOrStderr(), f.flows())
		return do(r, f)
	})
}

// search looks for what is wanted.
func (f *pcapFound) search(ctx context.Context, r *packetstore.Reader) error {
	queries := []*packetstore.Query{&f.wanted.Query}
	if f.around > 0 {
		queries, f.filter = f.wanted.Around(f.around), true
	}
	for i, q := range queries {
		found, err := r.Find(ctx, q)
		switch {
		case err != nil:
			return err
		case i == 0:
			f.result = found
		default:
			f.result.Add(found)
		}
	}
	return nil
}

// checkAround finds mistakes in the use of --around.
func (a *pcapArgs) checkAround(c *cobra.Command) error {
	switch {
	case a.around < 0:
		return usageError(c, "%s: --around %v is negative", pcapName(c), a.around)
	case a.around > 0 && (len(a.events) == 0 || a.from+a.to+a.qube != "" || len(a.communities) > 0):
		return usageError(c, "%s: --around goes with --event, and not with --qube, --community-id, --from or --to", pcapName(c))
	}
	return nil
}

// query sets what is wanted.
func (a *pcapArgs) query(c *cobra.Command, f *pcapFound, now time.Time) error {
	w := f.wanted
	if len(a.events)+len(a.communities) == 0 && a.qube == "" {
		return usageError(c, "%s: which packets is not said; give --event, --community-id or --qube", pcapName(c))
	}
	if err := a.checkAround(c); err != nil {
		return err
	}
	w.AllOfQube = a.around > 0
	for _, path := range a.events {
		if err := readWantedEvents(c, w, path); err != nil {
			return fmt.Errorf("%s: %w", pcapName(c), err)
		}
	}
	if err := w.Usable(); err != nil {
		return fmt.Errorf("%s: %w; --around 5m takes all packets of its qube", pcapName(c), err)
	}
	for _, err := range w.Skipped {
		fmt.Fprintf(c.ErrOrStderr(), "qubesbeat: %s; it is left out\n", safetext.Line(err.Error()))
	}
	for _, id := range a.communities {
		if !packetstore.IsCommunityID(id) {
			return usageError(c, "%s: --community-id: %q is no Community ID, which is 1: and 28 characters of base64", pcapName(c), id)
		}
	}
	w.CommunityIDs = append(w.CommunityIDs, a.communities...)
	if a.qube != "" {
		w.Qube = a.qube
	}
	if err := a.times(c, w, now); err != nil {
		return err
	}
	f.filter = a.from+a.to+a.filter != ""
	if a.filter == "" {
		return nil
	}
	match, err := pcapfilter.Matcher(a.filter)
	if err != nil {
		return usageError(c, "%s: --filter: %w", pcapName(c), err)
	}
	w.Match = func(link uint16, frame []byte) bool { return match(packet.Link(link), frame) }
	return nil
}

// times sets the range of time that is wanted.
func (a *pcapArgs) times(c *cobra.Command, w *packets.Wanted, now time.Time) error {
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
		*one.at = at
	}
	switch {
	case isTime(a.to, time.DateOnly): // to the end of the day
		w.To = w.To.AddDate(0, 0, 1).Add(-1)
	case w.To.Before(w.From) && isTime(a.to, clockForms...): // after midnight, or still to come
		w.To = w.To.AddDate(0, 0, 1)
	}
	if !w.From.IsZero() && !w.To.IsZero() && w.To.Before(w.From) {
		return usageError(c, "%s: --to is before --from", pcapName(c))
	}
	return nil
}

// isTime reports whether a text is a time of one of the forms.
func isTime(text string, forms ...string) bool {
	return slices.ContainsFunc(forms, func(form string) bool {
		_, err := time.Parse(form, text)
		return err == nil
	})
}

// clockForms are times without a date.
var clockForms = []string{"15:04:05", "15:04"}

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
	for _, form := range clockForms {
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
