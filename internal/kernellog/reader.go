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
	// Bare also takes every line without a header as a message of the kernel, as
	// `journalctl -k -o cat` writes them. Only the kernel's messages may get into such a
	// file.
	Bare Format = "bare"
	// ULOGD takes the lines of ulogd2's LOGEMU output, whose header does not say who has
	// written them, and those of ulogd and the kernel in syslog. Only ulogd, or programs
	// that syslog writes with their number, may write such a file.
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

	// foreign says that the last line with a time and the name of a program was not the
	// kernel's. A message of a program may hold line ends, and so make lines of its own
	// choice behind such a line.
	foreign  bool
	exported export // the record of a journal export that is being read
}

// named notes who has written a line with a time and the name of a program.
func (r *Reader) named(o Origin) { r.foreign = o != Kernel }

// Reset forgets what the lines so far were: the file was replaced.
func (r *Reader) Reset() { r.foreign, r.exported = false, export{} }

// Line reads a line without its line feed. The message is valid if the origin is
// [Kernel].
func (r *Reader) Line(line string) (Message, Origin) {
	if r.exported.inBytes() { // which may be anything, also line ends
		return r.finish(r.exported.bytes(line))
	}
	line = strings.TrimRight(strings.TrimPrefix(line, mark), "\r\n")
	if r.Format == ULOGD {
		return r.ulogd(line)
	}
	m, o := r.auto(line)
	if r.Format == Bare && o == UnknownHeader && !isJSON(line) {
		text, _, _ := priority(line)
		return r.finish(Message{Text: text}, Kernel)
	}
	return m, o
}

// mark is the byte order mark that some editors put before a text.
const mark = "\ufeff"

// auto reads a line in any header.
func (r *Reader) auto(line string) (Message, Origin) {
	switch {
	case r.exported.open:
		return r.finish(r.exported.line(line))
	case line == "":
		return Message{}, Partial
	case isExport(line):
		if r.foreign {
			return Message{}, UnknownHeader
		}
		return r.finish(r.exported.line(line))
	case isJSON(line):
		m, o := r.finish(readJSON(line))
		return r.unlessForeign(m, o)
	}
	return r.text(line)
}

// unlessForeign returns a message of a line without the name of a program, unless a
// program may have made the line.
func (r *Reader) unlessForeign(m Message, o Origin) (Message, Origin) {
	if r.foreign && r.Format == Auto && o == Kernel {
		return Message{}, UnknownHeader
	}
	return m, o
}

// finish completes a message with the time, if it has none.
func (r *Reader) finish(m Message, o Origin) (Message, Origin) {
	if m.At.IsZero() && o == Kernel && !r.Timeless {
		m.At = r.Now()
	}
	return m, o
}
