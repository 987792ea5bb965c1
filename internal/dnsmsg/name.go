package dnsmsg

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
)

// MaxName is the longest name in wire form (RFC 1035 section 2.3.4).
const MaxName = 255

// Errors of names and messages.
var (
	ErrName      = errors.New("dnsmsg: malformed name")
	ErrTruncated = errors.New("dnsmsg: message ends early")
	ErrMalformed = errors.New("dnsmsg: malformed record")
)

// maxPointers bounds the compression pointers of one name: each label that they
// lead to has two bytes or more.
const maxPointers = 126

// AppendName appends the name at off of msg without compression and returns the
// offset behind it. The case of the letters is kept.
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

// SkipName returns the offset behind the name at off.
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

// Lower puts the ASCII letters of b in lower case (RFC 4343). The lengths of
// labels are below 'A' and stay.
func Lower(b []byte) {
	for i, c := range b {
		if c-'A' < 26 {
			b[i] = c | 0x20
		}
	}
}

// EqualFold reports whether two names are the same but for case.
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

func fold(c byte) byte {
	if c-'A' < 26 {
		return c | 0x20
	}
	return c
}

// Below reports whether name is zone or a name below it. Both are in lower case.
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

// Labels returns how many labels a name has, the root not counted.
func Labels(name []byte) (n int) {
	for ; len(name) > 1; name = Parent(name) {
		n++
	}
	return n
}

// AppendText appends a name as people write it, without the dot at the end.
// Bytes that could confuse a reader are escaped: a dot inside of a label as
// `\.`, others as `\DDD` (RFC 1035 section 5.1). The root is ".".
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

func appendEscaped(dst []byte, c byte) []byte {
	switch {
	case c == '.' || c == '\\' || c == '"':
		return append(dst, '\\', c)
	case c <= ' ' || c > '~':
		return append(dst, '\\', '0'+c/100, '0'+c/10%10, '0'+c%10)
	}
	return append(dst, c)
}

// Text returns a name as [AppendText] writes it.
func Text(name []byte) string { return string(AppendText(nil, name)) }

// ParseName appends the wire form of a name as people write it, with or without
// the dot at the end and with the escapes of RFC 1035. The case is kept.
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
				return dst[:start], fmt.Errorf("%w: an empty label, or one of more than 63 bytes: %.80q", ErrName, text)
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
				return dst[:start], fmt.Errorf("%w: a wrong escape: %.80q", ErrName, text)
			}
			i += n
		}
		dst = append(dst, c)
	}
	if label >= 0 && !closeLabel() {
		return dst[:start], fmt.Errorf("%w: an empty label, or one of more than 63 bytes: %.80q", ErrName, text)
	}
	if dst = append(dst, 0); len(dst)-start > MaxName {
		return dst[:start], fmt.Errorf("%w: longer than 255 bytes: %.80q", ErrName, text)
	}
	return dst, nil
}

// unescape returns the byte behind a backslash and how many characters it took,
// 0 where the escape is wrong.
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
