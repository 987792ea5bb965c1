package analysis

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/eventfile"
)

// Session is one run of a beat, by its last stats event.
type Session struct {
	Host, Version string
	Started, Last time.Time
	// Counters are the totals since the start, by their path below stats, such as
	// "capture.kernel_drops". A part that did not run has none.
	Counters map[string]uint64
}

// LossCounters are the counters of what is missing in events, with what they count.
var LossCounters = []struct{ Path, Text string }{
	{"capture.kernel_drops", "frames dropped by the kernel"},
	{"capture.non_ip_frames", "frames not IP"},
	{"capture.truncated_frames", "frames truncated"},
	{"capture.malformed_frames", "frames malformed"},
	{"capture.unsupported_frames", "frames of an unsupported link"},
	{"capture.lost_packets", "packets lost to a panic"},
	{"capture.lost_flows", "flows lost to a panic"},
	{"events.queue_dropped_final", "flow records dropped before the output"},
	{"events.other_dropped", "other events dropped before the output"},
	{"events.dropped_at_stop", "events lost at a stop"},
	{"events.lost", "events lost to a panic"},
	{"events.filtered", "flow events dropped by a processor"},
	{"events.output_failed", "events rejected by the output"},
	{"file.refused", "events not written to a file"},
	{"file.removed_by_others", "events in files that were removed"},
	{"file.torn_lines", "torn lines cut off"},
	{"resolver.log_dropped", "queries dropped before the log"},
	{"resolver.log_lost", "queries lost to a panic"},
	{"firewall.nflog_lost", "firewall messages dropped by the kernel"},
	{"firewall.over_rate", "connections beyond the firewall's log rate"},
	{"firewall.undecided", "attempts without a verdict"},
	{"transactions.queue_dropped", "packets dropped before the analyzers"},
	{"transactions.dropped", "transactions dropped"},
	{"packets.lost_memory", "packets not stored for want of memory"},
	{"packets.lost_disk", "packets not stored by the disk"},
	{"summary.lost", "summaries lost to a panic"},
}

// sensorCounters are other counters that are kept.
var sensorCounters = []string{"capture.frames", "flows.packets", "flows.live", "events.published", "resolver.received", "firewall.attempts", "inventory.qubes"}

// addStats keeps the counters of a stats event.
func (a *Analysis) addStats() {
	l := a.line
	s := a.session(l.text(fHost), l.value(fEventStart).Time())
	if s == nil || l.at.Before(s.Last) {
		return
	}
	s.Last, s.Version = l.at, l.text(fAgentVersion)
	clear(s.Counters)
	stats := l.value(fStats)
	for _, c := range LossCounters {
		s.read(stats, c.Path)
	}
	for _, path := range sensorCounters {
		s.read(stats, path)
	}
}

func (s *Session) read(stats eventfile.Value, path string) {
	group, name, _ := strings.Cut(path, ".")
	if v := stats.Field(group).Field(name); v.Exists() {
		s.Counters[path] = v.Uint()
	}
}

// session returns the run of a beat, nil if there are too many.
func (a *Analysis) session(host string, started time.Time) *Session {
	for _, s := range a.Sessions {
		if s.Host == host && s.Started.Equal(started) {
			return s
		}
	}
	if len(a.Sessions) >= maxSessions {
		a.unsessions++
		return nil
	}
	s := &Session{Host: host, Started: started, Counters: map[string]uint64{}}
	a.Sessions = append(a.Sessions, s)
	return s
}

// Lost returns the sum of a counter over all runs, and false if none has it.
func (a *Analysis) Lost(path string) (n uint64, ok bool) {
	for _, s := range a.Sessions {
		if v, has := s.Counters[path]; has {
			n, ok = n+v, true
		}
	}
	return n, ok
}

// Runs reports whether the stats have counters of a part of the beat, such as "resolver".
func (a *Analysis) Runs(part string) bool {
	return slices.ContainsFunc(a.Sessions, func(s *Session) bool {
		for path := range s.Counters {
			if strings.HasPrefix(path, part+".") {
				return true
			}
		}
		return false
	})
}

// Change is a change of the inventory.
type Change struct {
	At    time.Time
	Qube  *Qube
	What  string // qube_appeared, qube_changed or qube_vanished
	Parts []ChangedPart
}

// ChangedPart is a property with its value before and after.
type ChangedPart struct{ Name, Before, After string }

// maxParts bounds the properties of one change. A qube has fewer.
const maxParts = 16

// addChange adds a change of the inventory.
func (a *Analysis) addChange() {
	l, q := a.line, a.qube()
	a.Changed++
	if len(a.Changes) >= maxChanges {
		return
	}
	c := Change{At: l.at, Qube: q, What: l.text(fAction)}
	before, after := l.value(fBefore), l.value(fQube)
	l.value(fChanged).Each(func(v eventfile.Value) {
		if name := cut(v.Text()); len(c.Parts) < maxParts && name != "" {
			c.Parts = append(c.Parts, ChangedPart{name, scalar(before.Field(name)), scalar(after.Field(name))})
		}
	})
	a.Changes = append(a.Changes, c)
}

// scalar returns a text or a number as text.
func scalar(v eventfile.Value) string {
	if text := v.Text(); text != "" || !v.Exists() {
		return cut(text)
	}
	return uintText(v.Uint())
}

// sort puts what came in the order of files into that of time.
func (a *Analysis) sort() {
	slices.SortStableFunc(a.Changes, func(x, y Change) int { return x.At.Compare(y.At) })
	slices.SortStableFunc(a.Sessions, func(x, y *Session) int {
		return cmp.Or(cmp.Compare(x.Host, y.Host), x.Started.Compare(y.Started))
	})
}
