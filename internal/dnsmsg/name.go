package dnsmsg

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
)

// MaxName is the length in bytes of the longest name in wire form (RFC 1035
// section 2.3.4).
const MaxName = 255

// Errors of names and messages. Errors that are returned wrap them.
var (
	ErrName      = errors.New("dnsmsg: malformed name")
	ErrTruncated = errors.New("dnsmsg: message ends early")
	ErrMalformed = errors.New("dnsmsg: malformed record")
)

// maxPointers bounds the compression pointers of one name: there is room for 127
// labels of at least two bytes, and so for 126 pointers between them.
const maxPointers = 126

// AppendName appends the name at offset off of msg without compression. It returns
// the extended slice and the offset after the name. The case of letters is kept.
func AppendName(dst, msg []byte, off int) (out []byte, next int, err error) {
	start, jumps, next := len(dst), 0, -1
	for limit := off; ; {
		if off >= len(msg) {
			return dst, 0, ErrTruncated
		}
		c := int(msg[off])
		switch {
		case c == 0:
			if next < 0 {
				next = off + 1
			}
			return append(dst, 0), next, nil
		case c&0xC0 == 0xC0:
			if off+1 >= len(msg) {
				return dst, 0, ErrTruncated
			}
			to := (c&0x3F)<<8 | int(msg[off+1])
			if jumps++; to >= limit || jumps > maxPointers {
				return dst, 0, ErrName
			}
			if next < 0 {
				next = off + 2
			}
			off, limit = to, to
		case c&0xC0 != 0:
			return dst, 0, ErrName
		default:
			if off+1+c > len(msg) {
				return dst, 0, ErrTruncated
			}
			if len(dst)-start+1+c+1 > MaxName {
				return dst, 0, ErrName
			}
			dst = append(dst, msg[off:off+1+c]...)
			off += 1 + c
		}
	}
}

// SkipName returns the offset after the name at offset off. It does not follow
// compression pointers.
func SkipName(msg []byte, off int) (int, error) {
	for n := 0; off < len(msg); {
		c := int(msg[off])
		switch {
		case c == 0:
			return off + 1, nil
		case c&0xC0 == 0xC0:
			if off+2 > len(msg) {
				return 0, ErrTruncated
			}
			return off + 2, nil
		case c&0xC0 != 0:
			return 0, ErrName
		}
		if n += 1 + c; n+1 > MaxName {
			return 0, ErrName
		}
		off += 1 + c
	}
	return 0, ErrTruncated
}

// Lower converts the ASCII letters of a name to lower case in place (RFC 4343).
// The lengths of labels are below 'A' and do not change.
func Lower(b []byte) {
	for i, c := range b {
		if c-'A' < 26 {
			b[i] = c | 0x20
		}
	}
}

// EqualFold reports whether two names are equal, ignoring case.
func EqualFold(a, b []byte) bool {
	if len(a) != len(b) {
		return false
	}
	for i, c := range a {
		if d := b[i]; c != d && fold(c) != fold(d) {
			return false
		}
	}
	return true
}

// fold converts an ASCII letter to lower case.
func fold(c byte) byte {
	if c-'A' < 26 {
		return c | 0x20
	}
	return c
}

// Below reports whether name is zone or below it. Both must be in lower case.
func Below(name, zone []byte) bool {
	for len(name) >= len(zone) {
		if len(name) == len(zone) {
			return bytes.Equal(name, zone)
		}
		name = Parent(name)
	}
	return false
}

// Parent returns the name without its first label; the root is its own parent.
func Parent(name []byte) []byte {
	if len(name) <= 1 {
		return name
	}
	return name[1+int(name[0]):]
}

// Labels returns the number of labels of a name, without the root.
func Labels(name []byte) (n int) {
	for ; len(name) > 1; name = Parent(name) {
		n++
	}
	return n
}

// AppendText appends a name in presentation format (RFC 1035 section 5.1), without
// the dot at the end. Dots, backslashes and quotes within labels get a backslash;
// spaces and bytes that are not printable ASCII become `\DDD`. The root is ".".
func AppendText(dst, name []byte) []byte {
	if len(name) <= 1 {
		return append(dst, '.')
	}
	for first := true; len(name) > 1; name = Parent(name) {
		if !first {
			dst = append(dst, '.')
		}
		first = false
		for _, c := range name[1 : 1+int(name[0])] {
			dst = appendEscaped(dst, c)
		}
	}
	return dst
}

// appendEscaped appends a byte of a label or a string.
func appendEscaped(dst []byte, c byte) []byte {
	switch {
	case c == '.' || c == '\\' || c == '"':
		return append(dst, '\\', c)
	case c <= ' ' || c > '~':
		return append(dst, '\\', '0'+c/100, '0'+c/10%10, '0'+c%10)
	}
	return append(dst, c)
}

// Text returns a name in the form of [AppendText].
func Text(name []byte) string { return string(AppendText(nil, name)) }

// ParseName appends the wire form of a name in presentation format (RFC 1035
// section 5.1), with or without the dot at the end. Case is kept. If it returns an
// error wrapping ErrName, it appends nothing.
func ParseName(dst []byte, text string) ([]byte, error) {
	if text == "." {
		return append(dst, 0), nil
	}
	start, label := len(dst), len(dst)
	dst = append(dst, 0)
	closeLabel := func() bool {
		n := len(dst) - label - 1
		dst[label] = byte(n)
		return n > 0 && n <= 63
	}
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c == '.' {
			if !closeLabel() {
				return dst[:start], fmt.Errorf("%w: label is empty or has more than 63 bytes: %.80q", ErrName, text)
			}
			if i == len(text)-1 {
				label = -1
				break
			}
			label = len(dst)
			dst = append(dst, 0)
			continue
		}
		if c == '\\' {
			var n int
			if c, n = unescape(text[i+1:]); n == 0 {
				return dst[:start], fmt.Errorf("%w: invalid escape: %.80q", ErrName, text)
			}
			i += n
		}
		dst = append(dst, c)
	}
	if label >= 0 && !closeLabel() {
		return dst[:start], fmt.Errorf("%w: label is empty or has more than 63 bytes: %.80q", ErrName, text)
	}
	if dst = append(dst, 0); len(dst)-start > MaxName {
		return dst[:start], fmt.Errorf("%w: longer than 255 bytes: %.80q", ErrName, text)
	}
	return dst, nil
}

// unescape returns the byte that the escape after a backslash stands for, and the
// length of the escape, 0 if it is invalid.
func unescape(s string) (c byte, n int) {
	if s == "" {
		return 0, 0
	}
	if s[0]-'0' > 9 {
		return s[0], 1
	}
	if len(s) < 3 {
		return 0, 0
	}
	v, err := strconv.ParseUint(s[:3], 10, 8)
	if err != nil {
		return 0, 0
	}
	return byte(v), 3
}
