package dom0

import (
	"bytes"
	"strings"
	"testing"
)

// An Occurrence is one event, in the bytes that qubesd wrote and in words.
type Occurrence struct {
	// Raw are the bytes.
	Raw            []byte
	subject, event string
	args           map[string]string
}

// qube is whom the event is about: that of a qube made or deleted has no subject.
func (o Occurrence) qube() string {
	if o.subject == "" {
		return o.args["vm"]
	}
	return o.subject
}

// String returns the qube, the event and the new value.
func (o Occurrence) String() string {
	return strings.Join(strings.Fields(o.qube()+" "+o.event+" "+o.args["newvalue"]), " ")
}

// Occurrences are the events of the real stream.
func Occurrences(t testing.TB, release string) (all []Occurrence) {
	t.Helper()
	for rest := Printed(t, release, "api-admin.Events.bin"); len(rest) > 0; {
		o, n := firstOccurrence(t, rest)
		all, rest = append(all, o), rest[n:]
	}
	return all
}

// firstOccurrence reads 1 NUL subject NUL event NUL (key NUL value NUL)* NUL.
func firstOccurrence(t testing.TB, data []byte) (o Occurrence, size int) {
	t.Helper()
	next := func() string {
		text, _, ok := bytes.Cut(data[size:], []byte{0})
		if !ok {
			t.Fatalf("the stream of events is cut off: %q", data)
		}
		size += len(text) + 1
		return string(text)
	}
	if one := next(); one != "1" {
		t.Fatalf("an event begins with %q", one)
	}
	o = Occurrence{subject: next(), event: next(), args: map[string]string{}}
	for key := next(); key != ""; key = next() {
		o.args[key] = next()
	}
	o.Raw = data[:size]
	return o, size
}

// Made makes an event that is not in the stream.
func Made(t testing.TB, subject, event string, args ...string) Occurrence {
	t.Helper()
	words := append([]string{"1", subject, event}, args...)
	o, _ := firstOccurrence(t, []byte(strings.Join(words, "\x00")+"\x00\x00"))
	return o
}

// Established is what qubesd says first on a stream.
func Established(t testing.TB) Occurrence {
	t.Helper()
	return Made(t, "", "connection-established")
}
