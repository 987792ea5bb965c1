package event

import (
	"net/netip"
	"time"
)

// Document is an event that can write itself under ECS names. It is written
// from one goroutine, any number of times.
type Document interface {
	// Time is the event's own time, the document's @timestamp.
	Time() time.Time
	// Final reports whether the event must not be lost. Others may be dropped
	// first when there is no room.
	Final() bool
	// Write writes the fields. Each top-level name is begun once.
	Write(w Writer)
}

// Writer takes the fields of a document. Names are single, without dots; an
// object is opened with Begin and closed with End.
type Writer interface {
	Begin(name string)
	End()
	String(name, value string)
	Addr(name string, value netip.Addr)
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

// Sink takes documents, to publish them. It may block; the caller bounds what
// waits behind it. It is not safe for concurrent use.
type Sink interface {
	Publish(d Document)
}

// Optional writes a string that may be empty; empty ones are left out.
func Optional(w Writer, name, value string) {
	if value != "" {
		w.String(name, value)
	}
}
