// Package textmark finds out how a text is encoded: it deals with the byte order marks that
// some editors put before one, and names files that are none.
package textmark

import (
	"bytes"
	"errors"
)

// ErrUTF16 is the error of a text that is not in UTF-8.
var ErrUTF16 = errors.New("the text begins with the byte order mark of UTF-16; save it as UTF-8")

// utf8 is the mark of a text in UTF-8, which says nothing.
const utf8 = "\xef\xbb\xbf"

// Trim returns a text without the mark of UTF-8, of which joined files have several. It returns [ErrUTF16] if the text
// has the mark of another encoding. The result shares the memory of text.
func Trim(text []byte) ([]byte, error) {
	if IsUTF16(text) {
		return nil, ErrUTF16
	}
	for bytes.HasPrefix(text, []byte(utf8)) {
		text = text[len(utf8):]
	}
	return text, nil
}

// IsUTF16 reports whether a text has the mark of UTF-16, or of UTF-32, which begins
// with the same bytes or with zeros.
func IsUTF16(text []byte) bool {
	for _, mark := range [...]string{"\xff\xfe", "\xfe\xff", "\x00\x00\xfe\xff"} {
		if bytes.HasPrefix(text, []byte(mark)) {
			return true
		}
	}
	return false
}
