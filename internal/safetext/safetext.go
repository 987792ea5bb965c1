package safetext

import (
	"html"
	"io"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Line returns s in a form that fits on one line of a terminal or a log. Text that does
// already is returned as it is, without an allocation.
func Line(s string) string {
	i := unsafeAt(s)
	if i < 0 {
		return s
	}
	return string(appendSafe(append(make([]byte, 0, len(s)+16), s[:i]...), s[i:], ""))
}

// Block returns s like [Line], but with its line breaks. The lines after the first are
// indented, so that none of them can pass for a line of its own.
func Block(s string) string {
	if unsafeAt(s) < 0 {
		return s
	}
	out := appendSafe(nil, s, "\n\t")
	indented := make([]byte, 0, len(out)+16)
	for i, c := range out {
		if indented = append(indented, c); c == '\n' && i < len(out)-1 {
			indented = append(indented, "  "...)
		}
	}
	return string(indented)
}

// Error returns err with a text like [Block] makes it, nil if err is nil.
func Error(err error) error {
	if err == nil {
		return nil
	}
	return blockError{err}
}

type blockError struct{ error }

// Error implements the error interface.
func (e blockError) Error() string { return Block(e.error.Error()) }

// Unwrap returns the error as it was.
func (e blockError) Unwrap() error { return e.error }

// HTML returns s like [Line], for the text or a quoted attribute of an HTML document.
func HTML(s string) string { return html.EscapeString(Line(s)) }

// Cell returns s for a column of a text file: printable ASCII, with \DDD for all other
// bytes, as names of DNS are written (RFC 1035 section 5.1). A first character for which
// a spreadsheet would take the cell for a formula is escaped, too: no name that is in
// use begins with one of them.
func Cell(s string) string {
	i := 0
	for i < len(s) && isPlain(s[i]) {
		i++
	}
	if i == len(s) && (s == "" || !startsFormula(s[0])) {
		return s
	}
	b := make([]byte, 0, len(s)+16)
	for i := range len(s) {
		if c := s[i]; isPlain(c) && (i > 0 || !startsFormula(c)) {
			b = append(b, c)
		} else {
			b = append(b, '\\', '0'+c/100, '0'+c/10%10, '0'+c%10)
		}
	}
	return string(b)
}

// isPlain reports whether c is printable ASCII.
func isPlain(c byte) bool { return ' ' <= c && c <= '~' }

// startsFormula reports whether a spreadsheet evaluates a cell that begins with c.
func startsFormula(c byte) bool { return c == '=' || c == '+' || c == '-' || c == '@' }

// Writer writes text to a terminal: like [Block], but without the indentation. It is as
// safe for concurrent use as the writer below it.
type Writer struct{ w io.Writer }

// NewWriter returns a writer that writes to w.
func NewWriter(w io.Writer) *Writer { return &Writer{w} }

// Write implements [io.Writer]. A character must not be split between two calls.
func (w *Writer) Write(p []byte) (int, error) {
	if unsafeAt(p) < 0 {
		return w.w.Write(p)
	}
	if _, err := w.w.Write(appendSafe(make([]byte, 0, len(p)+16), p, "\n\t")); err != nil {
		return 0, err
	}
	return len(p), nil
}

// unsafeAt returns the index of the first byte that may not stand for itself, -1 if there
// is none.
func unsafeAt[T string | []byte](s T) int {
	for i := 0; i < len(s); {
		if c := s[i]; c < utf8.RuneSelf {
			if !isPlain(c) {
				return i
			}
			i++
			continue
		}
		r, n := decode(s[i:])
		if r == utf8.RuneError && n == 1 || !isVisible(r) {
			return i
		}
		i += n
	}
	return -1
}

// decode returns the first character of s.
func decode[T string | []byte](s T) (rune, int) {
	return utf8.DecodeRuneInString(string(s[:min(len(s), utf8.UTFMax)]))
}

// appendSafe appends s with escapes. The characters of keep stand for themselves.
func appendSafe[T string | []byte](b []byte, s T, keep string) []byte {
	for i := 0; i < len(s); {
		r, n := decode(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			b = append(b, '\\', 'x', digits[s[i]>>4], digits[s[i]&15])
		case isVisible(r) || contains(keep, r):
			b = append(b, s[i:i+n]...)
		default:
			b = appendEscape(b, r)
		}
		i += n
	}
	return b
}

// contains reports whether r is one of the ASCII characters of set.
func contains(set string, r rune) bool {
	for i := range len(set) {
		if rune(set[i]) == r {
			return true
		}
	}
	return false
}

const digits = "0123456789abcdef"

// appendEscape appends the escape of a character that has no business in a text.
func appendEscape(b []byte, r rune) []byte {
	switch r {
	case '\n':
		return append(b, `\n`...)
	case '\r':
		return append(b, `\r`...)
	case '\t':
		return append(b, `\t`...)
	}
	if high, low := utf16.EncodeRune(r); high != unicode.ReplacementChar {
		return appendEscape(appendEscape(b, high), low)
	}
	return append(b, '\\', 'u', digits[r>>12&15], digits[r>>8&15], digits[r>>4&15], digits[r&15])
}

// isVisible reports whether a character leaves something on the screen and nothing else:
// [unicode.IsPrint] excludes controls, format characters (bidirectional, zero-width,
// tags) and spaces other than the common one. What is left are letters and marks that no
// font draws.
func isVisible(r rune) bool {
	if r < utf8.RuneSelf {
		return isPlain(byte(r))
	}
	return unicode.IsPrint(r) && !unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r) && !unicode.Is(unicode.Variation_Selector, r)
}
