package firewall

import (
	"fmt"
	"strings"
)

// LogCounts are the counters of a [Log].
type LogCounts struct {
	Files    int // that were opened
	Lines    uint64
	Packets  uint64 // lines about packets, of which verdicts were made
	Verdicts uint64

	// Lines that were left out.
	OtherPrograms  uint64 // their header names another program
	UnknownHeaders uint64 // it is not known who has written them
	NoPackets      uint64 // the kernel's, about something else
	Timeless       uint64 // about packets, without a time of day
	TooLong        uint64 // longer than the kernel writes them
}

// Counts returns the counters.
func (l *Log) Counts() LogCounts {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.counts
}

// count changes the counters.
func (l *Log) count(change func(*LogCounts)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change(&l.counts)
}

// LeftOut returns why lines were left out, with their numbers, "" if none was.
func (c *LogCounts) LeftOut() string {
	var parts []string
	for _, part := range []struct {
		n   uint64
		why string
	}{{c.OtherPrograms, "of other programs"}, {c.UnknownHeaders, "with an unknown header"}, {c.NoPackets, "about other things than packets"},
		{c.Timeless, "without a time of day"}, {c.TooLong, "longer than the kernel writes them"}} {
		if part.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", part.n, part.why))
		}
	}
	return strings.Join(parts, ", ")
}
