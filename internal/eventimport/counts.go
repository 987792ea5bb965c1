package eventimport

import (
	"fmt"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/eventfile"
	"github.com/qubesbeat/qubesbeat/internal/safetext"
)

// Counts are the counters of an import.
type Counts struct {
	Files      int    // that were opened
	Sent       uint64 // events that were handed on
	Before     uint64 // events that an earlier import has sent
	Unselected uint64 // events that the filter has left out
	Unreadable uint64 // lines
	// FirstFault is why the first line is unreadable, with its file and number, "" if none
	// is. It fits on a line of a terminal.
	FirstFault string
	// Read and Size are bytes of the files that were opened so far; Size counts only those
	// whose size is known.
	Read, Size int64

	size, read int64 // of the files, and of those that were read to their end
}

// Counts returns the counters.
func (i *Import) Counts() Counts {
	i.mu.Lock()
	defer i.mu.Unlock()
	c := i.counts
	c.Read, c.Size = c.read, c.size
	if i.input != nil {
		c.Read += i.input.BytesRead()
	}
	return c
}

// count changes the counters.
func (i *Import) count(change func(*Counts)) {
	i.mu.Lock()
	defer i.mu.Unlock()
	change(&i.counts)
}

// reading notes which file is being read.
func (i *Import) reading(in *eventfile.Input) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.input != nil {
		i.counts.read += i.input.BytesRead()
	}
	i.input = in
}

// unreadable counts the line that was read last.
func (i *Import) unreadable(s *source, why error) {
	i.count(func(c *Counts) {
		if c.Unreadable++; c.Unreadable == 1 {
			c.FirstFault = fmt.Sprintf("%s:%d: %v", safetext.Line(s.in.Name), s.lines.Number, why)
		}
	})
}

// Elapsed is a time for people: whole seconds, or milliseconds below one.
func Elapsed(d time.Duration) time.Duration {
	if d < time.Second {
		return d.Round(time.Millisecond)
	}
	return d.Round(time.Second)
}
