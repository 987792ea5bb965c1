package eventfile

import (
	"math"
	"strconv"
	"time"
)

// Value is the value of a field, as it stands in the line. The zero Value is that of a
// field that is not there. A value of another kind than a method is about reads like one
// that is not there.
type Value struct{ text []byte }

// Exists reports whether the field is there and not null.
func (v Value) Exists() bool { return len(v.text) > 0 && v.text[0] != 'n' }

// Bytes returns a text, nil if the value is none. It is text from outside, may be invalid
// UTF-8, and is valid as long as the line is.
func (v Value) Bytes() []byte { return textOf(v.text) }

// Text returns a copy of a text, "" if the value is none.
func (v Value) Text() string { return string(textOf(v.text)) }

// Uint returns a number without its fraction, 0 if the value is none or is negative, and
// the largest one if it is beyond that.
func (v Value) Uint() uint64 {
	var n uint64
	for _, c := range v.text {
		if !isDigit(c) || n > (math.MaxUint64-9)/10 {
			return v.float()
		}
		n = n*10 + uint64(c-'0')
	}
	return n
}

// float reads a number that is no plain sequence of digits.
func (v Value) float() uint64 {
	if n, err := strconv.ParseUint(string(v.text), 10, 64); err == nil {
		return n
	}
	x, err := strconv.ParseFloat(string(v.text), 64)
	switch {
	case err != nil && x == 0 || !(x > 0):
		return 0
	case x >= math.MaxUint64:
		return math.MaxUint64
	}
	return uint64(x)
}

// IsTrue reports whether the value is true.
func (v Value) IsTrue() bool { return string(v.text) == "true" }

// Time returns a time of RFC 3339 between the years 1970 and 2200, in UTC, else the zero
// time.
func (v Value) Time() time.Time { return timeOf(v.text) }

// Field returns the value of a field of an object.
func (v Value) Field(name string) (field Value) {
	all, ok := membersOf(v.text)
	for ok {
		var one member
		if one, ok = all.next(); ok && string(one.name) == name {
			field = Value{one.value}
		}
	}
	return field
}

// Each calls do for each element of a list, and once for any other value, as the fields of
// Elasticsearch may be one value or several.
func (v Value) Each(do func(Value)) {
	if !v.Exists() {
		return
	}
	if v.text[0] != '[' {
		do(v)
		return
	}
	for at := 1; ; at++ { // behind the bracket, or a comma
		for isSpace(v.text[at]) {
			at++
		}
		if v.text[at] == ']' {
			return
		}
		end := endOfValue(v.text, at)
		do(Value{v.text[at:end]})
		for at = end; isSpace(v.text[at]); {
			at++
		}
		if v.text[at] == ']' {
			return
		}
	}
}
