package event

import (
	"encoding/json"
	"net/netip"
	"strconv"
	"time"
)

// JSON is the [Writer] that appends to a JSON text. It does not allocate once
// its buffer is large enough.
type JSON struct {
	// Buf is the text so far. The caller may set it to reuse memory.
	Buf []byte
	// AppendTime appends a time as a JSON string without the quotes. It must not
	// be nil if a document has times.
	AppendTime func(b []byte, t time.Time) []byte

	signed *Signed // that is being written, nil if the document is none
	depth  int     // of open objects
}

var _ Writer = (*JSON)(nil) // type check

// AppendFields appends the fields of d to j.Buf, whose text must end with an
// opening brace or another field.
func (j *JSON) AppendFields(d Document) {
	if s, ok := d.(*Signed); ok { // without a writer in between, which every field would pass
		j.signed, j.depth = s, 0
		s.Document.Write(j)
		j.signed = nil
		return
	}
	d.Write(j)
}

// key begins a field. A comma precedes each field except the first of an object.
// Names come from the program and need no escapes.
func (j *JSON) key(name string) {
	b := j.Buf
	if n := len(b); n > 0 && b[n-1] != '{' {
		b = append(b, ',')
	}
	b = append(b, '"')
	b = append(b, name...)
	j.Buf = append(b, '"', ':')
}

// Fields appends one or more fields that are JSON already.
func (j *JSON) Fields(text string) {
	if n := len(j.Buf); n > 0 && j.Buf[n-1] != '{' {
		j.Buf = append(j.Buf, ',')
	}
	j.Buf = append(j.Buf, text...)
}

// Begin implements [Writer].
func (j *JSON) Begin(name string) {
	j.key(name)
	j.Buf = append(j.Buf, '{')
	if j.depth++; j.depth == 1 && j.signed != nil {
		j.signed.sign(j, name)
	}
}

// End implements [Writer].
func (j *JSON) End() {
	j.Buf = append(j.Buf, '}')
	j.depth--
}

// BeginList implements [Writer].
func (j *JSON) BeginList(name string) {
	j.key(name)
	j.Buf = append(j.Buf, '[')
}

// Item implements [Writer].
func (j *JSON) Item() {
	if j.Buf[len(j.Buf)-1] != '[' {
		j.Buf = append(j.Buf, ',')
	}
	j.Buf = append(j.Buf, '{')
	j.depth++
}

// EndList implements [Writer].
func (j *JSON) EndList() { j.Buf = append(j.Buf, ']') }

// String implements [Writer].
func (j *JSON) String(name, value string) {
	j.key(name)
	j.text(value)
}

// text appends a string value. Nearly all are plain ASCII; encoding/json handles
// the others, which may be hostile.
func (j *JSON) text(s string) {
	for i := range len(s) {
		if !plain[s[i]] {
			quoted, err := json.Marshal(s)
			if err != nil { // impossible: every string has a JSON form
				quoted = []byte(`""`)
			}
			j.Buf = append(j.Buf, quoted...)
			return
		}
	}
	b := append(j.Buf, '"')
	b = append(b, s...)
	j.Buf = append(b, '"')
}

// plain is true for the bytes that stand for themselves in a JSON string.
var plain = func() (is [256]bool) {
	for c := byte(' '); c <= '~'; c++ {
		is[c] = c != '"' && c != '\\'
	}
	return is
}()

// Addr implements [Writer].
func (j *JSON) Addr(name string, value netip.Addr) {
	j.key(name)
	j.Buf = append(j.Buf, '"')
	j.Buf = value.WithZone("").AppendTo(j.Buf)
	j.Buf = append(j.Buf, '"')
}

// Strings implements [Writer].
func (j *JSON) Strings(name string, values ...string) {
	j.key(name)
	j.Buf = append(j.Buf, '[')
	for i, s := range values {
		if i > 0 {
			j.Buf = append(j.Buf, ',')
		}
		j.text(s)
	}
	j.Buf = append(j.Buf, ']')
}

// Uint implements [Writer].
func (j *JSON) Uint(name string, value uint64) {
	j.key(name)
	j.Buf = strconv.AppendUint(j.Buf, value, 10)
}

// Uints implements [Writer].
func (j *JSON) Uints(name string, values ...uint64) {
	j.key(name)
	j.Buf = append(j.Buf, '[')
	for i, n := range values {
		if i > 0 {
			j.Buf = append(j.Buf, ',')
		}
		j.Buf = strconv.AppendUint(j.Buf, n, 10)
	}
	j.Buf = append(j.Buf, ']')
}

// Bool implements [Writer].
func (j *JSON) Bool(name string, value bool) {
	j.key(name)
	j.Buf = strconv.AppendBool(j.Buf, value)
}

// Time implements [Writer].
func (j *JSON) Time(name string, nanos int64) {
	j.key(name)
	j.Buf = append(j.Buf, '"')
	j.Buf = j.AppendTime(j.Buf, time.Unix(0, nanos).UTC())
	j.Buf = append(j.Buf, '"')
}
