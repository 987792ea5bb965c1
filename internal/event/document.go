package event

import (
	"net/netip"
	"time"
)

// Document is an event that can write itself under ECS names. It is written
// from one goroutine, any number of times.
type Document interface {
	// Time returns the time of the event, the document's @timestamp.
	Time() time.Time
	// Final reports whether the event must not be lost. Others are dropped first
	// if there is no room.
	Final() bool
	// Identify adds what distinguishes the event from all others. It is the same if
	// the same packets are read again.
	Identify(id *Identity)
	// Write writes the fields. It begins each top-level name once.
	Write(w Writer)
}

// Writer takes the fields of a document. Names have no dots: an object is opened
// with Begin and closed with End. It is not safe for concurrent use.
type Writer interface {
	Begin(name string)
	End()
	String(name, value string)
	Addr(name string, value netip.Addr)
	// Strings writes a list of strings. It does not keep values, and neither does
	// Uints.
	Strings(name string, values ...string)
	Uint(name string, value uint64)
	Uints(name string, values ...uint64)
	Bool(name string, value bool)
	// BeginList opens a list of objects, each of them opened with Item and closed
	// with End. EndList closes the list.
	BeginList(name string)
	Item()
	EndList()
	// Time writes nanoseconds since the Unix epoch as a date.
	Time(name string, nanos int64)
}

// Sink publishes documents. Publish may block, so the caller must bound what waits
// for it. It is not safe for concurrent use.
type Sink interface {
	Publish(d Document)
}

// Optional writes a string unless it is empty.
func Optional(w Writer, name, value string) {
	if value != "" {
		w.String(name, value)
	}
}
