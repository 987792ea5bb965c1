// Package report formats output for terminals: the progress and the summary of a replay,
// and the table of flows per qube.
package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/safetext"
)

// Replay holds the counters of a replay that is running or finished.
type Replay struct {
	Read, Size     int64 // bytes of the files; Size is 0 if unknown
	Packets, Bytes uint64
	Flows, Events  uint64
	Elapsed        time.Duration

	NonIP, Truncated, Malformed, Unsupported uint64 // frames in no flow
	NotDelivered, OutputFailed               uint64 // events
	RefusedIn                                string // the files with the refused events and why; "" if there are none
	Incomplete                               bool   // an error ended the capture early
}

// Progress returns a line about a running replay.
func Progress(r Replay) string {
	var b strings.Builder
	if r.Size > 0 {
		fmt.Fprintf(&b, "%3d%%  ", r.Read*100/max(r.Size, 1))
	}
	fmt.Fprintf(&b, "%s packets  %s/s  %s flows  %s events", Count(r.Packets), Count(perSecond(r.Packets, r.Elapsed)),
		Count(r.Flows), Count(r.Events))
	return b.String()
}

// Summary returns the lines about a finished replay. Losses are listed by stage, if there
// are any.
func Summary(r Replay) string {
	var b strings.Builder
	fmt.Fprintf(&b, "qubesbeat: %s packets, %s, in %s flows; %s events; %s (%s packets/s)\n", Count(r.Packets), Size(r.Bytes),
		Count(r.Flows), Count(r.Events), r.Elapsed.Round(time.Millisecond), Count(perSecond(r.Packets, r.Elapsed)))
	list := func(title string, parts ...string) {
		var have []string
		for _, p := range parts {
			if p != "" {
				have = append(have, p)
			}
		}
		if len(have) > 0 {
			fmt.Fprintf(&b, "qubesbeat: %s: %s\n", title, strings.Join(have, ", "))
		}
	}
	list("frames in no flow", some(r.NonIP, "not IP"), some(r.Truncated, "cut short"),
		some(r.Malformed, "malformed"), some(r.Unsupported, "of unsupported link types"))
	list("events lost", some(r.NotDelivered, "not delivered"), some(r.OutputFailed, "refused by the output"))
	if r.OutputFailed > 0 && r.RefusedIn != "" {
		fmt.Fprintf(&b, "qubesbeat: the refused events, and why, are in: %s\n", safetext.Line(r.RefusedIn))
	}
	if r.Incomplete {
		b.WriteString("qubesbeat: the capture could not be read to its end; the events before the fault are complete\n")
	}
	return b.String()
}

// some returns a count with a noun, "" for 0.
func some(n uint64, what string) string {
	if n == 0 {
		return ""
	}
	return Count(n) + " " + what
}

func perSecond(n uint64, d time.Duration) uint64 {
	if d <= 0 {
		return 0
	}
	return uint64(float64(n) / d.Seconds())
}

// Count formats a number with separators between thousands.
func Count(n uint64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Counted formats a number with its noun, of which "s" makes the plural.
func Counted(n uint64, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return Count(n) + " " + noun
}

// Size formats a number of bytes with three digits and a decimal unit.
func Size(n uint64) string {
	units := [...]string{"B", "kB", "MB", "GB", "TB", "PB", "EB"}
	v, u := float64(n), 0
	for v >= 999.5 && u < len(units)-1 {
		v, u = v/1000, u+1
	}
	switch {
	case u == 0:
		return fmt.Sprintf("%d B", n)
	case v < 9.995:
		return fmt.Sprintf("%.2f %s", v, units[u])
	case v < 99.95:
		return fmt.Sprintf("%.1f %s", v, units[u])
	}
	return fmt.Sprintf("%.0f %s", v, units[u])
}
