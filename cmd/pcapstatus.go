package cmd

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/qubesbeat/qubesbeat/config"
	"github.com/qubesbeat/qubesbeat/internal/control"
	"github.com/qubesbeat/qubesbeat/internal/packetstore"
	"github.com/qubesbeat/qubesbeat/internal/report"
	"github.com/qubesbeat/qubesbeat/internal/safetext"
	"github.com/qubesbeat/qubesbeat/module/packets"
)

// pcapStatus returns `pcap status`.
func pcapStatus(s *pcapStore) *cobra.Command {
	return &cobra.Command{
		Use: "status", Args: cobra.NoArgs, Short: "Show what is stored of each qube, and what is not",
		Long: "Shows what is on the disk and, of a running beat, what it does: which qubes are excluded and why, where the filter\n" +
			"lets nothing through, what is watched. stats.packets in the events has all counters.",
		RunE: func(c *cobra.Command, _ []string) error {
			return s.with(c, func(r *packetstore.Reader) error {
				v, err := s.look(c.Context(), r)
				if err != nil {
					return err
				}
				return v.show(c.OutOrStdout(), time.Now())
			})
		},
	}
}

// pcapView is what `pcap status` shows.
type pcapView struct {
	st       *packetstore.Status
	live     *control.PacketStatus // nil without a beat that answers
	fault    error                 // why a beat that runs does not answer
	last     *packetstore.Line     // the last removal, nil if there was none
	volume   int64                 // bytes of the file system
	settings config.Packets
}

// look looks at the store, and asks the beat.
func (s *pcapStore) look(ctx context.Context, r *packetstore.Reader) (*pcapView, error) {
	v := &pcapView{settings: s.settings()}
	var err error
	if v.st, err = r.Status(); err != nil {
		return nil, err
	}
	if len(v.st.Qubes) == 0 && v.st.Locked == 0 && !isStore(s.folder()) {
		return nil, notStore(s.folder())
	}
	if v.volume, err = packetstore.VolumeBytes(s.folder()); err != nil {
		return nil, fmt.Errorf("looking at the volume of %s: %w", s.folder(), err)
	}
	lines, err := r.Removed("", time.Time{}, time.Time{})
	if err != nil {
		return nil, fmt.Errorf("reading the chain: %w", err)
	}
	for i := range lines {
		if lines[i].Event == packetstore.Evicted {
			v.last = &lines[i]
		}
	}
	if v.st.Running {
		ctx, cancel := context.WithTimeout(ctx, sealWait)
		defer cancel()
		live := &control.PacketStatus{}
		if v.fault = control.NewClient(packets.Socket(s.folder())).Get(ctx, "/packets", nil, live); v.fault == nil {
			v.live = live
		}
	}
	return v, nil
}

// show writes all of it.
func (v *pcapView) show(w io.Writer, now time.Time) error {
	fmt.Fprintln(w, v.first(now))
	if err := v.table(w); err != nil {
		return err
	}
	for _, line := range v.notes() {
		fmt.Fprintln(w, line)
	}
	return nil
}

// first returns the line with the state, and the limit that acts.
func (v *pcapView) first(now time.Time) string {
	state, most := "no beat stores packets here", int64(v.settings.MaxBytes)
	if v.st.Running {
		state = "running"
	}
	if v.live != nil {
		state, most = v.live.State, v.live.MaxBytes
		if v.live.Why != "" {
			state += " (" + safetext.Line(v.live.Why) + ")"
		}
	}
	text := fmt.Sprintf("%s: %s", state, report.Size(uint64(v.st.Bytes)))
	if most > 0 {
		text += " of " + report.Size(uint64(most))
	}
	text += fmt.Sprintf(", %s free", report.Size(uint64(v.st.Free)))
	var back time.Time
	for i := range v.st.Qubes {
		if f := v.st.Qubes[i].First; back.IsZero() || !f.IsZero() && f.Before(back) {
			back = f
		}
	}
	if !back.IsZero() {
		text += fmt.Sprintf(", back to %s (%.0f h)", stamp(back), now.Sub(back).Hours())
	}
	return text + "; the limit that acts: " + v.limit()
}

// limit names the limit by which packets were removed last.
func (v *pcapView) limit() string {
	if v.last == nil {
		return "none yet"
	}
	return fmt.Sprintf("%s (since %s)", reasonText(v.last), stamp(v.last.At))
}

// reasonText names the setting for which a file was removed, or the command.
func reasonText(l *packetstore.Line) string {
	name := map[string]string{"age": "max_age", "quota": "quota of " + packetstore.Qube(l.Name), "gone": "forget_disposables"}[l.Reason]
	if name == "" {
		name = l.Reason // max_bytes, min_free, pcap forget
	}
	return safetext.Line(name)
}

// smallVolume is up to where the volume of a qube has its size of the beginning, or
// little more.
const smallVolume = 4 << 30

// notes returns lines about what is not in the table.
func (v *pcapView) notes() (lines []string) {
	add := func(form string, args ...any) { lines = append(lines, safetext.Line(fmt.Sprintf(form, args...))) }
	if v.fault != nil {
		add("the beat does not say what it does: %v", v.fault)
	}
	if v.volume > 0 && v.volume < smallVolume {
		add("the volume has %s only; in dom0: qvm-volume extend sys-log:private 40GiB", report.Size(uint64(v.volume)))
	}
	if v.st.Kept > 0 {
		add("kept: %s of %s", report.Size(uint64(v.st.Kept)), report.Size(uint64(v.settings.KeptMaxBytes)))
	}
	if v.live == nil {
		return lines
	}
	if f := v.live.Filter; f != "" {
		add("filter: %s; it has left out %s", f, report.Counted(v.live.Filtered, "packet"))
	}
	for i := range v.live.Vifs {
		if one := &v.live.Vifs[i]; one.Nothing {
			add("the filter lets nothing of %s through: %s left out", one.Name, report.Counted(one.Filtered, "packet"))
		}
	}
	for _, one := range v.live.Watches {
		add("watched until %s: %s (%s)", stamp(one.Until), one.What, report.Counted(one.Flows, "flow"))
	}
	if n := v.live.Lifted; n > 0 {
		add("stored whole for a finding or a verdict: %s", report.Counted(uint64(n), "flow"))
	}
	return append(lines, v.losses())
}

// losses returns a line about what the running beat has cut and lost.
func (v *pcapView) losses() string {
	lost := "none"
	if m, d := v.live.LostMemory, v.live.LostDisk; m+d > 0 {
		lost = fmt.Sprintf("%s (memory %s, disk %s)", report.Count(m+d), report.Count(m), report.Count(d))
	}
	parts := []string{"lost since the start: " + lost, "cut for want of room: " + report.Count(v.live.CutPressure)}
	if n := v.live.CutFlow; n > 0 {
		parts = append(parts, "cut above flow_limit: "+report.Count(n))
	}
	return strings.Join(parts, "; ")
}
