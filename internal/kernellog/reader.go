package kernellog

import (
	"strings"
	"time"
)

// Format is the format of a log file.
type Format string

const (
	// Auto takes the lines of the kernel in any header that this package knows, and no
	// line without a header.
	Auto Format = ""
	// Bare takes every line as a message of the kernel, as `journalctl -k -o cat` writes
	// them. Only the kernel's messages may get into such a file.
	Bare Format = "bare"
	// ULOGD takes every line with the header of ulogd2's LOGEMU output. Only ulogd may
	// write such a file.
	ULOGD Format = "ulogd"
)

// Formats are all formats by the names that the configuration uses.
func Formats() []Format { return []Format{Auto, Bare, ULOGD} }

// Message is a message of the kernel.
type Message struct {
	Text string    // without any header
	At   time.Time // when it was logged
}

// Origin is who has written a line.
type Origin int

const (
	// Kernel says that the line completes a message of the kernel.
	Kernel Origin = iota
	// Partial says that the line is a part of a record that is not complete yet, or empty.
	Partial
	// OtherProgram says that another program has written the line or record.
	OtherProgram
	// UnknownHeader says that it is not known who has written the line, such as the second
	// line of a program's message.
	UnknownHeader
)

// Reader parses the lines of one log. It is not safe for concurrent use.
type Reader struct {
	// Now returns the present, for lines without a year or a time. It must be set.
	Now    func() time.Time
	Format Format
	// Host is the name of this machine, which stands in the headers of some formats and
	// not of others. It may be empty.
	Host string
	// Timeless leaves the time of a message zero if its line has no time of day.
	// Otherwise it is the present.
	Timeless bool

	family   family
	exported export // the record of a journal export that is being read
}

// family is what lines of one file have in common. A message of a program may hold line
// ends and so make lines of its own choice, which never have the header of the file: in a
// file whose lines have a time and a program, no other form is accepted.
type family int

const (
	unknown family = iota
	ring           // dmesg and /dev/kmsg: messages of the kernel only
	journal        // records of the journal, as JSON or as an export
	stamped        // a time and the name of a program
)

// enter reports whether a line of a family may be in the file. Lines with a time and a
// program outrank what came before: no program can make their headers.
func (r *Reader) enter(f family) bool {
	r.family = max(r.family, f)
	return r.family == f
}

// Reset forgets what the lines so far were: the file was replaced.
func (r *Reader) Reset() { r.family, r.exported = unknown, export{} }

// Line reads a line without its line feed. The message is valid if the origin is
// [Kernel].
func (r *Reader) Line(line string) (Message, Origin) {
	if r.exported.inBytes() { // which may be anything, also line ends
		return r.finish(r.exported.bytes(line))
	}
	line = strings.TrimRight(line, "\r\n")
	switch {
	case r.Format == Bare:
		return r.bare(line)
	case r.Format == ULOGD:
		return r.ulogd(line)
	case r.exported.open || isExport(line):
		if !r.enter(journal) {
			return Message{}, UnknownHeader
		}
		return r.finish(r.exported.line(line))
	case line == "":
		return Message{}, Partial
	case isJSON(line):
		if !r.enter(journal) {
			return Message{}, UnknownHeader
		}
		return r.finish(readJSON(line))
	}
	return r.text(line)
}

// finish completes a message with the time, if it has none.
func (r *Reader) finish(m Message, o Origin) (Message, Origin) {
	if m.At.IsZero() && o == Kernel && !r.Timeless {
		m.At = r.Now()
	}
	return m, o
}

func (r *Reader) bare(line string) (Message, Origin) {
	if line == "" {
		return Message{}, Partial
	}
	return r.finish(Message{Text: withoutSeconds(line)}, Kernel)
}

// ulogd reads "Nov 27 10:00:13 HOST PREFIX IN=…".
func (r *Reader) ulogd(line string) (Message, Origin) {
	at, rest, ok := r.stamp(line)
	_, text, hasHost := strings.Cut(rest, " ")
	if !ok || !hasHost {
		return Message{}, UnknownHeader
	}
	return Message{text, at}, Kernel
}
