package textmark

import (
	"bytes"
	"strings"
	"unicode"
)

// IsMarkup reports whether a text that begins with head is a page: it begins with a tag,
// or has the beginning of a page at the beginning of a line.
func IsMarkup(head []byte) bool {
	head = trimSpace(head)
	if len(head) > 1 && head[0] == '<' && (head[1] == '!' || head[1] == '?' || head[1] == '/' || head[1]|0x20-'a' < 26) {
		return true
	}
	for line := range bytes.Lines(head) {
		line = bytes.TrimSpace(line)
		for _, tag := range [...]string{"<!doctype ", "<html", "<head", "<body", "<?xml "} {
			if len(line) >= len(tag) && strings.EqualFold(string(line[:len(tag)]), tag) {
				return true
			}
		}
	}
	return false
}

// IsJSON reports whether a text that begins with head begins like an object or an array.
// [Adblock Plus] and Privoxy's {+block} do not.
func IsJSON(head []byte) bool {
	head = trimSpace(head)
	if len(head) == 0 || head[0] != '{' && head[0] != '[' {
		return false
	}
	rest := bytes.TrimSpace(head[1:])
	return len(rest) > 0 && bytes.IndexByte([]byte(`{["]}`), rest[0]) >= 0
}

// trimSpace removes space and marks around a text.
func trimSpace(text []byte) []byte {
	return bytes.TrimFunc(text, func(r rune) bool { return unicode.IsSpace(r) || r == '\ufeff' })
}
