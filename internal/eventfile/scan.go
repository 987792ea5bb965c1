package eventfile

import "bytes"

// maxDepth is how deep the objects and lists of a line may be nested. Ours are 5 deep.
const maxDepth = 64

// scanner walks over a JSON text once, checks it, and takes the values of chosen members.
// It builds nothing.
type scanner struct {
	text []byte
	at   int
	took []Value
}

// line reports whether the text is one JSON object, with white space around it at most.
func (s *scanner) line(n *node) bool {
	if s.space(); s.at >= len(s.text) || s.text[s.at] != '{' || !s.value(n, 0) {
		return false
	}
	s.space()
	return s.at == len(s.text)
}

// value passes over a value, and takes it if n asks for it. n may be nil.
func (s *scanner) value(n *node, depth int) bool {
	s.space()
	from := s.at
	if from >= len(s.text) || depth > maxDepth || !s.oneValue(n, depth) {
		return false
	}
	if n != nil && n.index >= 0 {
		s.took[n.index] = Value{s.text[from:s.at]}
	}
	return true
}

// oneValue passes over a value by its first byte.
func (s *scanner) oneValue(n *node, depth int) bool {
	switch c := s.text[s.at]; c {
	case '{':
		return s.object(n, depth)
	case '[':
		return s.list(depth)
	case '"':
		_, _, ok := s.quoted()
		return ok
	case 't':
		return s.word("true")
	case 'f':
		return s.word("false")
	case 'n':
		return s.word("null")
	default:
		return s.number()
	}
}

// object passes over an object, whose opening brace is next.
func (s *scanner) object(n *node, depth int) bool {
	s.at++
	if s.space(); s.is('}') {
		return true
	}
	for {
		if s.space(); s.at >= len(s.text) || s.text[s.at] != '"' {
			return false
		}
		name, escaped, ok := s.quoted()
		if !ok {
			return false
		}
		if s.space(); !s.is(':') || !s.value(n.child(name, escaped), depth+1) {
			return false
		}
		if s.space(); s.is('}') {
			return true
		}
		if !s.is(',') {
			return false
		}
	}
}

// list passes over a list, whose opening bracket is next. Nothing inside is taken.
func (s *scanner) list(depth int) bool {
	s.at++
	if s.space(); s.is(']') {
		return true
	}
	for {
		if !s.value(nil, depth+1) {
			return false
		}
		if s.space(); s.is(']') {
			return true
		}
		if !s.is(',') {
			return false
		}
	}
}

// is passes over c if it is next.
func (s *scanner) is(c byte) bool {
	if s.at < len(s.text) && s.text[s.at] == c {
		s.at++
		return true
	}
	return false
}

func (s *scanner) space() {
	for s.at < len(s.text) && isSpace(s.text[s.at]) {
		s.at++
	}
}

func (s *scanner) word(w string) bool {
	if !bytes.HasPrefix(s.text[s.at:], []byte(w)) {
		return false
	}
	s.at += len(w)
	return true
}

// quoted passes over a string, and returns it with its quotes.
func (s *scanner) quoted() (text []byte, escaped, ok bool) {
	from := s.at
	for i := from + 1; i < len(s.text); i++ {
		switch c := s.text[i]; {
		case c == '"':
			s.at = i + 1
			return s.text[from:s.at], escaped, true
		case c == '\\':
			escaped = true
			n := escapeLen(s.text[i+1:])
			if n == 0 {
				return nil, false, false
			}
			i += n
		case c < ' ':
			return nil, false, false
		}
	}
	return nil, false, false
}

// escapeLen returns how many bytes the escape has of which the backslash has been read, 0
// if it is none.
func escapeLen(text []byte) int {
	if len(text) == 0 {
		return 0
	}
	if bytes.IndexByte([]byte(`"\/bfnrt`), text[0]) >= 0 {
		return 1
	}
	if text[0] != 'u' || len(text) < 5 {
		return 0
	}
	for _, c := range text[1:5] {
		if !isHex(c) {
			return 0
		}
	}
	return 5
}

func isHex(c byte) bool {
	return isDigit(c) || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// number passes over a number (RFC 8259 section 6).
func (s *scanner) number() bool {
	s.is('-')
	if !s.is('0') && !s.digits() {
		return false
	}
	if s.is('.') && !s.digits() {
		return false
	}
	if s.is('e') || s.is('E') {
		if !s.is('+') {
			s.is('-')
		}
		return s.digits()
	}
	return true
}

// digits passes over digits, and reports whether there was one.
func (s *scanner) digits() bool {
	from := s.at
	for s.at < len(s.text) && isDigit(s.text[s.at]) {
		s.at++
	}
	return s.at > from
}
