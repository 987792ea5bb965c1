package eventfile

import (
	"bytes"
	"encoding/json"
)

// members walks over the members of a JSON object in a text that a scanner has
// accepted. It builds nothing: an event has some hundred values, of which a reader wants
// five.
type members struct {
	text []byte // of the object, from its opening brace on
	at   int
}

// membersOf returns a walk over an object, false if value is none.
func membersOf(value []byte) (members, bool) {
	return members{value, 1}, len(value) > 0 && value[0] == '{'
}

// member is a name and its value.
type member struct {
	name  []byte // decoded
	value []byte // without white space around it
	text  []byte // both, with the colon between them
}

// next returns the next member, false at the end.
func (m *members) next() (one member, ok bool) {
	m.space()
	if m.text[m.at] == ',' {
		m.at++
		m.space()
	}
	if m.text[m.at] == '}' {
		return one, false
	}
	from := m.at
	m.at = endOfString(m.text, m.at)
	one.name = textOf(m.text[from:m.at])
	m.space()
	m.at++ // the colon
	m.space()
	value := m.at
	m.at = endOfValue(m.text, m.at)
	one.value, one.text = m.text[value:m.at], m.text[from:m.at]
	return one, true
}

// space passes over white space.
func (m *members) space() {
	for isSpace(m.text[m.at]) {
		m.at++
	}
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// endOfString returns the offset behind the string that begins at an offset.
func endOfString(text []byte, at int) int {
	for at++; ; {
		i := bytes.IndexByte(text[at:], '"')
		end := at + i + 1
		backslashes := 0
		for j := end - 2; j >= at && text[j] == '\\'; j-- {
			backslashes++
		}
		if backslashes%2 == 0 {
			return end
		}
		at = end
	}
}

// endOfValue returns the offset behind the value that begins at an offset.
func endOfValue(text []byte, at int) int {
	depth := 0
	for {
		switch c := text[at]; {
		case c == '"':
			at = endOfString(text, at)
		case c == '{' || c == '[':
			depth++
			at++
		case c == '}' || c == ']':
			depth--
			at++
		case depth > 0:
			at++
			continue
		default:
			return endOfLiteral(text, at)
		}
		if depth == 0 {
			return at
		}
	}
}

// endOfLiteral returns the offset behind a number, true, false or null.
func endOfLiteral(text []byte, at int) int {
	for at < len(text) && text[at] != ',' && text[at] != '}' && text[at] != ']' && !isSpace(text[at]) {
		at++
	}
	return at
}

// textOf returns the decoded text of a JSON string, nil if value is none.
func textOf(value []byte) []byte {
	if len(value) < 2 || value[0] != '"' {
		return nil
	}
	if inside := value[1 : len(value)-1]; bytes.IndexByte(inside, '\\') < 0 {
		return inside
	}
	var s string
	if json.Unmarshal(value, &s) != nil {
		return nil
	}
	return []byte(s)
}
