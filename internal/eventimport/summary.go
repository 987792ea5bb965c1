package eventimport

import (
	"fmt"
	"strings"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/report"
)

// Outcome is what the output did with the events of an import.
type Outcome struct {
	Refused uint64 // for good
	Missing uint64 // not acknowledged
	Elapsed time.Duration
	// Duplicates are the events that the output had already, if KnowsDuplicates.
	Duplicates      uint64
	KnowsDuplicates bool
}

// Progress returns a line about an import that is running.
func (c Counts) Progress(elapsed time.Duration) string {
	var b strings.Builder
	if c.Size > 0 {
		fmt.Fprintf(&b, "%3d%%  ", min(100, c.Read*100/c.Size))
	}
	fmt.Fprintf(&b, "%s events", report.Count(c.Sent))
	if seconds := elapsed.Seconds(); seconds >= 1 {
		fmt.Fprintf(&b, "  %s/s", report.Count(uint64(float64(c.Sent)/seconds)))
	}
	return b.String()
}

// Summary returns the lines about an import that has ended.
func (c Counts) Summary(o Outcome) string {
	var b strings.Builder
	b.WriteString(c.fault())
	if c.Before > 0 {
		b.WriteString("qubesbeat: an earlier import has sent the beginning of these files; --again sends it again\n")
	}
	arrived := c.Sent - min(c.Sent, o.Refused+o.Missing)
	fmt.Fprintf(&b, "qubesbeat: %s from %s; ", report.Counted(c.Sent+c.Before, "event"), report.Counted(uint64(c.Files), "file"))
	if o.KnowsDuplicates {
		fmt.Fprintf(&b, "%s new, %s were there", report.Count(arrived-min(arrived, o.Duplicates)), report.Count(o.Duplicates))
	} else {
		fmt.Fprintf(&b, "%s sent, %s were sent before", report.Count(arrived), report.Count(c.Before))
	}
	for _, part := range []struct {
		n    uint64
		what string
	}{{o.Refused, "refused by the output"}, {o.Missing, "not delivered"}, {c.Unselected, "not selected"}} {
		if part.n > 0 {
			fmt.Fprintf(&b, ", %s %s", report.Count(part.n), part.what)
		}
	}
	fmt.Fprintf(&b, "; %s unreadable; %v\n", report.Count(c.Unreadable), Elapsed(o.Elapsed))
	return b.String()
}

// DryRun returns the lines about an import that has sent nothing.
func (c Counts) DryRun(elapsed time.Duration) string {
	return fmt.Sprintf("%s%s from %s would be sent, %s not selected; %s unreadable; %v\n", c.fault(), report.Counted(c.Sent, "event"),
		report.Counted(uint64(c.Files), "file"), report.Count(c.Unselected), report.Count(c.Unreadable), Elapsed(elapsed))
}

// fault returns a line about the lines that are unreadable, "" if none is.
func (c Counts) fault() string {
	switch c.Unreadable {
	case 0:
		return ""
	case 1:
		return fmt.Sprintf("qubesbeat: %s\n", c.FirstFault)
	}
	return fmt.Sprintf("qubesbeat: %s (and %s more lines)\n", c.FirstFault, report.Count(c.Unreadable-1))
}
