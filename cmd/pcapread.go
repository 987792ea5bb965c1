package cmd

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/qubesbeat/qubesbeat/internal/packetstore"
	"github.com/qubesbeat/qubesbeat/internal/safetext"
	"github.com/qubesbeat/qubesbeat/module/packets"
)

// note notes which packets a command reads: the beat does if it runs, for it knows from the
// kernel who asks. A store that cannot be written to, such as a copy, is read all the same.
func (s *pcapStore) note(c *cobra.Command, r *packetstore.Reader, what string) {
	err := s.noteRead(c.Context(), pcapName(c), what, running(r))
	if err != nil {
		fmt.Fprintf(c.ErrOrStderr(), "qubesbeat: that packets are read is not noted in reads.log: %s\n", safetext.Line(err.Error()))
	}
}

func (s *pcapStore) noteRead(ctx context.Context, command, what string, running bool) error {
	sudo := os.Getenv("SUDO_USER")
	if running {
		err := s.call(ctx, "/packets/read", url.Values{"command": {command}, "what": {what}, "sudo": {sudo}}, new(struct{}))
		if err == nil {
			return nil
		}
	}
	return packetstore.NoteRead(s.folder(), packetstore.Read{At: time.Now().UTC(), UID: os.Getuid(), PID: os.Getpid(), Command: command, What: what, Sudo: sudo})
}

// running reports whether a beat stores packets in the folder.
func running(r *packetstore.Reader) bool {
	st, err := r.Status()
	return err == nil && st.Running
}

// what says which packets the arguments ask for.
func (a *pcapArgs) what(f *pcapFound) string {
	var parts []string
	add := func(key, value string) {
		if value != "" {
			parts = append(parts, key+"="+value)
		}
	}
	add("qube", a.qube)
	add("from", a.from)
	add("to", a.to)
	add("filter", a.filter)
	if a.around > 0 {
		add("around", a.around.String())
	}
	add("community_id", strings.Join(a.communities, ","))
	for i := range f.wanted.Events {
		e := &f.wanted.Events[i]
		add("event", fmt.Sprintf("%s/%s/%s", e.Qube, e.From.UTC().Format(time.RFC3339), flowText(e)))
	}
	return strings.Join(parts, " ")
}

// flowText names the flow of an event.
func flowText(e *packets.Event) string {
	switch {
	case e.End != nil:
		return e.End.Addr.String()
	case e.Info == nil:
		return e.CommunityID
	}
	return strings.NewReplacer(" -> ", "-", " ", "/").Replace(ends(e.Info))
}
