package eventfile

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"slices"
	"time"
	"unicode/utf8"
)

// Event is an event that was read from a line.
type Event struct {
	// Time is its @timestamp, in UTC.
	Time time.Time
	// ID is made of all that the line says, except for @metadata and agent: 22 characters
	// of the URL alphabet of base64, the first half of a SHA-256. So events with the same
	// ID are equal, whatever event.id they claim.
	ID string
	// EventID is event.id, "" if it has none. It is what the line says, text from outside.
	EventID string
	// Dataset is event.dataset, and Qube the name of the qube that the event is about, ""
	// if it is about none. Both are text from outside.
	Dataset, Qube string
	// Members are the fields as they stand in the line, without the braces, and without
	// @timestamp and @metadata. The string "type" comes first. The text is the caller's.
	Members []byte
}

// Why a line is no event.
var (
	errJSON    = errors.New("not a JSON object")
	errUTF8    = errors.New("not UTF-8")
	errTwice   = errors.New("a field is there twice")
	errMany    = errors.New("more fields than any event has")
	errTime    = errors.New("@timestamp is missing or no time of RFC 3339 between the years 1970 and 2200")
	errType    = errors.New("the field type is missing or no text")
	errDataset = errors.New("the field event.dataset is missing or no text")
)

// maxMembers is how many fields an event may have at its top. Ours have 15.
const maxMembers = 256

// Parser reads lines as events. The zero value is ready for use. It is not safe for
// concurrent use.
type Parser struct {
	names [][]byte // of the line
	texts [][]byte // of the fields to keep
	kind  []byte   // the field "type"
	parts []byte   // what the identity is made of
}

// Parse reads a line. It returns an error if the line is no event of a Beat.
//
// Of @metadata nothing is read: in Elasticsearch's bulk requests, libbeat would take the
// operation, the index, the pipeline and the id from it.
func (p *Parser) Parse(line []byte) (e Event, err error) {
	line = bytes.TrimSpace(line)
	all, ok := membersOf(line)
	s := scanner{text: line}
	switch {
	case !ok || !s.line(nil):
		return e, errJSON
	case !utf8.Valid(line):
		return e, errUTF8
	}
	p.names, p.texts, p.kind, p.parts = p.names[:0], p.texts[:0], nil, p.parts[:0]
	for {
		one, more := all.next()
		if !more {
			break
		}
		if err := p.add(&e, one); err != nil {
			return Event{}, err
		}
	}
	switch {
	case e.Time.IsZero():
		return Event{}, errTime
	case p.kind == nil:
		return Event{}, errType
	case e.Dataset == "":
		return Event{}, errDataset
	}
	p.finish(&e, len(line))
	return e, nil
}

// add adds a field to an event.
func (p *Parser) add(e *Event, one member) error {
	if slices.ContainsFunc(p.names, func(name []byte) bool { return bytes.Equal(name, one.name) }) {
		return errTwice
	}
	if p.names = append(p.names, one.name); len(p.names) > maxMembers {
		return errMany
	}
	switch name := string(one.name); {
	case name == "@metadata" || bytes.HasPrefix(one.name, []byte("@metadata.")):
		return nil
	case name == "@timestamp":
		e.Time = timeOf(one.value)
		p.parts = append(append(p.parts, one.text...), ',')
		return nil
	case name == "type":
		if len(textOf(one.value)) > 0 {
			p.kind = one.text
		}
	case name == "event":
		e.Dataset, e.EventID = lookUp(one.value, "dataset"), lookUp(one.value, "id")
	case name == "qube":
		e.Qube = lookUp(one.value, "name")
	}
	if string(one.name) != "agent" {
		p.parts = append(append(p.parts, one.text...), ',')
	}
	if string(one.name) != "type" {
		p.texts = append(p.texts, one.text)
	}
	return nil
}

// finish makes the identity and the fields of an event.
func (p *Parser) finish(e *Event, size int) {
	sum := sha256.Sum256(p.parts)
	e.ID = base64.RawURLEncoding.EncodeToString(sum[:16])
	e.Members = append(make([]byte, 0, size), p.kind...)
	for _, text := range p.texts {
		e.Members = append(append(e.Members, ','), text...)
	}
}

// timeOf returns a time, the zero time if value is none that an event can have.
func timeOf(value []byte) time.Time {
	t, err := time.Parse(time.RFC3339Nano, string(textOf(value)))
	if t = t.UTC(); err != nil || t.Year() < 1970 || t.Year() >= 2200 {
		return time.Time{}
	}
	return t
}

// lookUp returns the text of a field of an object, "" if there is none. If it is there
// twice, the last one counts, as for most programs that read JSON.
func lookUp(object []byte, name string) (text string) {
	all, ok := membersOf(object)
	for ok {
		var one member
		if one, ok = all.next(); ok && string(one.name) == name {
			text = string(textOf(one.value))
		}
	}
	return text
}
