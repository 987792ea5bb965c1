package blocklist

import (
	"bytes"
	"strings"
	"unicode"

	"github.com/qubesbeat/qubesbeat/internal/textmark"
)

// headSize is how much of a text is looked at to see that it is no list, in bytes.
const headSize = 4 << 10

// magics are the beginnings of files of other kinds.
var magics = []struct{ magic, kind string }{
	{"%PDF-", "a PDF document"}, {"PK\x03\x04", "a zip archive"}, {"\x1f\x8b", "compressed with gzip; unpack it"},
	{"BZh", "compressed with bzip2; unpack it"}, {"\xfd7zXZ", "compressed with xz; unpack it"},
	{"\x28\xb5\x2f\xfd", "compressed with zstd; unpack it"}, {"7z\xbc\xaf", "a 7z archive"}, {"{\\rtf", "an RTF document"},
}

// The reasons why a text is no list.
const (
	isUTF16  = "the text is in UTF-16; save it as UTF-8"
	isBinary = "it is a binary file"
	isMarkup = "it is an HTML or XML page; give the address of the file itself (on GitHub, that of \"Raw\"), " +
		"or log in to the network if it sends its own page"
	isJSON = "it is JSON, as servers send it for errors"
)

// notList returns why a text that begins with head is no list, "" if it may be one.
func notList(head []byte) string {
	if textmark.IsUTF16(head) {
		return isUTF16
	}
	for _, m := range magics {
		if bytes.HasPrefix(head, []byte(m.magic)) {
			return "it is " + m.kind
		}
	}
	if i := bytes.IndexByte(head, 0); i >= 0 {
		if bytes.Count(head, []byte{0}) >= len(head)/3 && i < 4 {
			return isUTF16 // without a mark
		}
		return isBinary
	}
	head = bytes.TrimFunc(head, func(r rune) bool { return unicode.IsSpace(r) || r == '\ufeff' })
	switch {
	case markup(head):
		return isMarkup
	case json(head):
		return isJSON
	}
	return ""
}

// markup reports whether a text begins with a tag, or has the beginning of a page
// at the beginning of a line.
func markup(head []byte) bool {
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

// json reports whether a text begins like an object or an array. [Adblock Plus]
// and Privoxy's {+block} do not.
func json(head []byte) bool {
	if len(head) == 0 || head[0] != '{' && head[0] != '[' {
		return false
	}
	rest := bytes.TrimSpace(head[1:])
	return len(rest) > 0 && bytes.IndexByte([]byte(`{["]}`), rest[0]) >= 0
}
